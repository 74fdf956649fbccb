// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// misuse calls what a program should not: without the debug tag it has to be harmless, with it loud.
func misuse(t *testing.T, what string, call func() error) {
	t.Helper()
	defer func() {
		if r := recover(); (r != nil) != zcnet.DebugBuild {
			t.Errorf("%s: panic %v", what, r)
		} else if text, ok := r.(string); zcnet.DebugBuild && (!ok || !strings.Contains(text, what)) {
			t.Errorf("%s: the panic says %v", what, r)
		}
	}()
	if err := call(); err != zcnet.ErrStale {
		t.Errorf("%s: %v", what, err)
	}
}

func misusedMessage(t *testing.T, m zcnet.Message) {
	t.Helper()
	misuse(t, "Bytes", func() error {
		if m.Bytes() != nil || m.Len() != 0 {
			t.Error("bytes of a message that has ended")
		}
		return zcnet.ErrStale
	})
	misuse(t, "Release", m.Release)
	misuse(t, "Release", func() error { return zcnet.ReleaseAll([]zcnet.Message{m}) })
	misuse(t, "Clone", func() error { _, err := m.Clone(); return err })
	misuse(t, "Slice", func() error { _, err := m.Slice(0, 0); return err })
	misuse(t, "Detach", func() error { _, err := m.Detach(); return err })
	misuse(t, "Frame", func() error { _, err := m.Frame(); return err })
	misuse(t, "Buffers", func() error { _, err := m.Buffers(); return err })
	misuse(t, "Join", func() error { _, err := zcnet.Join(m); return err })
	misuse(t, "WriteTo", func() error { _, err := m.WriteTo(nil); return err })
	misuse(t, "AppendMessage", func() error {
		u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
		defer u.Release()
		return u.AppendMessage(m)
	})
}

func TestAMessageAfterItsRelease(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(ctx, []byte("one")))
	check(t, near.SendCopy(ctx, []byte("two")))
	one := must[zcnet.Message](t)(far.Recv(ctx))
	copyOfOne := one
	check(t, one.Release())
	misusedMessage(t, one)
	misusedMessage(t, copyOfOne) // copies share one life
	// What takes its place is not touched by any of that.
	two := must[zcnet.Message](t)(far.Recv(ctx))
	misusedMessage(t, one)
	if two.String() != "two" {
		t.Errorf("%q", two.String())
	}
	check(t, two.Release())
	var none zcnet.Message
	if none.Bytes() != nil || none.Len() != 0 || !none.IsZero() || none.Release() != zcnet.ErrStale {
		t.Error("no message is something")
	}
}

func TestAShownMessageAfterItsTurn(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(ctx, []byte("one")))
	check(t, near.SendCopy(ctx, []byte("two")))
	var first zcnet.Message
	for m := range far.Messages(ctx) {
		check(t, m.Release()) // of a message that is only shown: nothing
		if m.Len() != 3 {
			t.Error("a shown message was released")
		}
		if !first.IsZero() {
			misusedMessage(t, first)
			break
		}
		first = m
	}

	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	address := echoServer(t, "tcp://127.0.0.1:0", lengths, nil)
	conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, &zcnet.ConnOptions{MessagesPerPoll: 1}))
	check(t, conn.TrySendCopy([]byte("one")))
	check(t, conn.TrySendCopy([]byte("two")))
	first = zcnet.Message{}
	for event := range loop.Events(ctx) {
		if event.Type() != zcnet.EventMessage {
			continue
		}
		if !first.IsZero() {
			misusedMessage(t, first)
			misuse(t, "Forward", func() error { return conn.Forward(first) })
			break
		}
		first = event.Message()
		if err := near.Forward(first); err != zcnet.ErrInvalid { // of another loop
			t.Error(err)
		}
		if err := near.TrySendMessage(first); err != zcnet.ErrInvalid {
			t.Error(err)
		}
		check(t, conn.TrySendMessage(first))
	}
	check(t, loop.Close())
	<-loop.Done()
}

func TestAUnitAfterItsEnd(t *testing.T) {
	near, _ := pair(t, background(t, nil), lengths, nil)
	ended := []*zcnet.Unit{unit(t, lengths, "sent"), unit(t, lengths, "released")}
	check(t, near.TrySend(ended[0]))
	check(t, ended[1].Release())
	for _, u := range ended {
		if u.Bytes() != nil || u.Len() != 0 {
			t.Error("a unit that has ended has a body")
		}
		misuse(t, "unit", u.Release)
		misuse(t, "unit", func() error { return u.AppendCopy(nil) })
		misuse(t, "unit", func() error { return u.Truncate(0) })
		misuse(t, "unit", func() error { return u.Seal(lengths) })
		misuse(t, "unit", func() error { _, err := u.Clone(); return err })
		misuse(t, "unit", func() error { return u.AppendPinned([]byte("x"), nil) })
		if err := near.TrySend(u); err != zcnet.ErrStale {
			t.Error(err)
		}
	}
}

// What the program forgets is told by the garbage collector, and not before it is forgotten.
func TestLeaksAreReported(t *testing.T) {
	var mu sync.Mutex
	told := map[string]int{}
	zcnet.OnLeak(func(leak zcnet.Leak) {
		mu.Lock()
		defer mu.Unlock()
		told[leak.Kind]++
		if zcnet.DebugBuild != strings.Contains(leak.Stack, "misuse_test.go") {
			t.Errorf("a %s was made at %q", leak.Kind, leak.Stack)
		}
	})
	defer zcnet.OnLeak(nil)
	before := zcnet.Leaks()
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	wants := map[string]int{"Message": 3, "Pool": 1, "Stream": 1, "UnitBatch": 1, "Loop": 1}
	kept := func() zcnet.Message {
		for range wants["Message"] {
			check(t, near.SendCopy(ctx, []byte("forgotten")))
			must[zcnet.Message](t)(far.Recv(ctx))
		}
		must[*zcnet.Pool](t)(zcnet.NewPool(nil))
		must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{}, lengths, nil))
		must[*zcnet.UnitBatch](t)(zcnet.NewUnitBatch(nil, lengths, 2, 2))
		must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		if zcnet.DebugBuild {
			wants["Unit"] = 1
			unit(t, lengths, "forgotten")
		}
		// These are not forgotten.
		u := unit(t, lengths, "sent")
		check(t, near.Send(ctx, u))
		m := must[zcnet.Message](t)(far.Recv(ctx))
		check(t, m.Release())
		check(t, near.SendCopy(ctx, []byte("kept")))
		return must[zcnet.Message](t)(far.Recv(ctx))
	}()
	eventually(t, "all leaks are told", func() bool {
		runtime.GC()
		mu.Lock()
		defer mu.Unlock()
		for kind, count := range wants {
			if told[kind] < count {
				return false
			}
		}
		return true
	})
	mu.Lock()
	defer mu.Unlock()
	for kind, count := range told {
		if count != wants[kind] {
			t.Errorf("%d leaks of %s, not %d", count, kind, wants[kind])
		}
	}
	if zcnet.Leaks()-before < 7 {
		t.Errorf("%d leaks counted", zcnet.Leaks()-before)
	}
	if kept.String() != "kept" {
		t.Error(kept.String())
	}
	check(t, kept.Release())
}

// Everything at once, under a garbage collector that never rests: cleanups run at the worst times.
func TestHammer(t *testing.T) {
	duration := 2 * time.Second
	if testing.Short() {
		duration = 500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 16 << 10}))
	loop := background(t, &zcnet.LoopOptions{Pool: pool, EventCapacity: 64})
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	var all sync.WaitGroup
	run := func(work func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			for ctx.Err() == nil {
				work()
			}
		}()
	}
	leaks := zcnet.Leaks()
	run(func() { runtime.GC() })
	messages := make(chan zcnet.Message, 1000)
	run(func() {
		conn, err := listener.Accept(ctx)
		if err != nil {
			return
		}
		all.Add(1)
		go func() {
			defer all.Done()
			defer conn.Close()
			for m := range conn.Messages(ctx) {
				kept, err := m.Clone()
				if err != nil {
					t.Error(err)
				}
				select {
				case messages <- kept:
				default:
					check(t, kept.Release())
				}
				if conn.SendMessage(ctx, m) != nil {
					return
				}
			}
		}()
	})
	for range 3 {
		run(func() {
			conn, err := loop.Dial(ctx, listener.Addr().String(), lengths, nil)
			if err != nil {
				return
			}
			for i := range 50 {
				u, err := zcnet.NewUnit(pool, lengths, 10)
				if err != nil {
					t.Error(err)
					return
				}
				if i%7 == 0 {
					check(t, u.AppendPinned(make([]byte, 5000), nil))
				}
				copy(u.Bytes(), "0123456789")
				if conn.Send(ctx, u) != nil {
					check(t, u.Release())
				}
			}
			for i := range 50 {
				if i == 40 {
					_ = conn.Abort()
				}
				m, err := conn.Recv(ctx)
				if err != nil {
					break
				}
				if string(m.Bytes()[:10]) != "0123456789" {
					t.Errorf("%q", m.Bytes())
				}
				check(t, m.Release())
			}
			_ = conn.Close()
		})
	}
	release := func(m zcnet.Message) {
		part, err := m.Slice(2, 3)
		check(t, err)
		if string(part.Bytes()) != "234" {
			t.Errorf("%q", part.Bytes())
		}
		check(t, zcnet.ReleaseAll([]zcnet.Message{m, part}))
	}
	for range 2 {
		run(func() {
			select {
			case m := <-messages:
				release(m)
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
	check(t, listener.Close())
	check(t, loop.Close())
	<-loop.Done()
	for len(messages) > 0 {
		release(<-messages)
	}
	drained(t, pool)
	if zcnet.Leaks() != leaks {
		t.Errorf("%d leaks", zcnet.Leaks()-leaks)
	}
	check(t, pool.Close())
}

// Goroutines end with what they worked for.
func TestNoGoroutineIsLeft(t *testing.T) {
	ctx := limited(t)
	before := runtime.NumGoroutine()
	for range 20 {
		loop := must[*zcnet.Loop](t)(zcnet.StartLoop(nil))
		near, far := pair(t, loop, lengths, nil)
		go func() { _, _ = near.Recv(ctx) }()
		go func() {
			for range far.Messages(ctx) {
			}
		}()
		check(t, loop.Close())
		<-loop.Done()
		if _, err := near.Recv(ctx); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	eventually(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}
