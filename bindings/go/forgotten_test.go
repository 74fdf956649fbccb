// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// A program that releases nothing gets as far as its pool's limit: then nothing more is read, what it has stays as it is,
// and it is told what it has forgotten.
func TestAProgramThatForgetsEveryRelease(t *testing.T) {
	zcnet.OnLeak(func(zcnet.Leak) {}) // the debug mode would print each
	defer zcnet.OnLeak(nil)
	ctx := limited(t)
	small := zcnet.MustParseFraming("length,width=4,strip=4,max=4K")
	const limit = 2 << 20
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 16 << 10, Limit: limit}))
	loop := background(t, &zcnet.LoopOptions{Pool: pool})
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", small, nil))
	near := must[*zcnet.Conn](t)(background(t, nil).Dial(ctx, listener.Addr().String(), small, nil))
	far := must[*zcnet.Conn](t)(listener.Accept(ctx))
	go func() {
		for i := 0; ; i++ {
			if near.SendCopy(ctx, bytes.Repeat([]byte{byte(i)}, 1000)) != nil {
				return
			}
		}
	}()
	before := zcnet.Leaks()
	var views [][]byte
	eventually(t, "the pool is full, and nothing is read any more", func() bool {
		briefly, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		for {
			m, err := far.Recv(briefly)
			if err == context.DeadlineExceeded {
				break
			}
			check(t, err)
			views = append(views, m.Bytes())
		}
		return must[zcnet.LoopStats](t)(loop.Stats()).PoolPauses != 0
	})
	for {
		if _, err := zcnet.NewUnit(pool, small, 1000); err != nil { // neither is a unit ever released
			if err != zcnet.ErrLimit {
				t.Error(err)
			}
			break
		}
	}
	eventually(t, "what was forgotten is told", func() bool {
		runtime.GC()
		return zcnet.Leaks()-before >= uint64(len(views))
	})
	for i, view := range views {
		if len(view) != 1000 || view[0] != byte(i) || view[999] != byte(i) {
			t.Fatalf("what message %d left is %q", i, view)
		}
	}
	if stats := must[zcnet.PoolStats](t)(pool.Stats()); stats.ReservedBytes > limit || stats.Views < uint64(len(views)) {
		t.Errorf("%+v", stats)
	}
	// Everything can still be ended.
	check(t, near.Abort())
	check(t, far.Close())
	check(t, loop.Close())
	<-far.Done()
	check(t, pool.Close())
}

// Finalizers of the program run when they like, on a goroutine of their own: what they release, close or abort may be in
// the middle of anything.
func TestFinalizersOfTheProgram(t *testing.T) {
	ctx := limited(t)
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 16 << 10}))
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(&zcnet.LoopOptions{Pool: pool, EventCapacity: 16}))
	address := echoServer(t, "tcp://127.0.0.1:0", lengths, nil)
	leaks := zcnet.Leaks()
	type message struct{ zcnet.Message }
	type conn struct{ *zcnet.Conn }
	type thing struct{ *zcnet.Unit }
	rest := 20
	connect := func() {
		c := &conn{must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))}
		runtime.SetFinalizer(c, func(c *conn) { _ = c.Abort() })
		for range 100 {
			check(t, c.TrySendCopy([]byte("round it goes")))
		}
	}
	connect()
	check(t, loop.SetTimer(0, 0))
	seen := 0
	for event := range loop.Events(ctx) {
		switch event.Type() {
		case zcnet.EventMessage:
			seen++
			kept := &message{must[zcnet.Message](t)(event.Message().Clone())}
			runtime.SetFinalizer(kept, func(m *message) {
				if m.String() != "round it goes" {
					t.Errorf("%q", m.String())
				}
				check(t, m.Release())
			})
			u := &thing{must[*zcnet.Unit](t)(zcnet.NewUnit(pool, lengths, 20))}
			runtime.SetFinalizer(u, func(u *thing) { check(t, u.Release()) })
			if seen%10 == 0 {
				runtime.GC()
			}
		case zcnet.EventTimer:
			runtime.GC() // nobody holds the connection with the finalizer any more
			check(t, loop.SetTimer(0, 5*time.Millisecond))
		case zcnet.EventClosed:
			if !errors.Is(event.Err(), net.ErrClosed) {
				t.Error(event.Err())
			}
			if rest--; rest == 0 {
				check(t, loop.Close())
				continue
			}
			connect()
		}
	}
	if !errors.Is(loop.Err(), net.ErrClosed) {
		t.Error(loop.Err())
	}
	drained(t, pool)
	if zcnet.Leaks() != leaks {
		t.Errorf("%d leaks", zcnet.Leaks()-leaks)
	}
	check(t, pool.Close())
}

// Nothing keeps a program from using a slice after the release. With ZCNET_DEBUG=poison that is found where it happens.
func TestASliceAfterTheRelease(t *testing.T) {
	if os.Getenv("ZCNET_DEBUG") == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestASliceAfterTheRelease$", "-test.v")
		command.Env = append(os.Environ(), "ZCNET_DEBUG=poison")
		if said, err := command.CombinedOutput(); err != nil || !strings.Contains(string(said), "--- PASS") {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(ctx, bytes.Repeat([]byte("x"), 1000)))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	view := m.Bytes()
	check(t, m.Release())
	debug.SetPanicOnFault(true)
	defer func() {
		r := recover()
		if fault, ok := r.(interface{ Addr() uintptr }); r != nil && (!ok || fault.Addr() == 0) {
			t.Errorf("no fault, but %v", r)
		}
	}()
	for view[0] == 'x' && ctx.Err() == nil { // until the loop polls again, which has it borrowed
		time.Sleep(time.Millisecond)
	}
	for i, b := range view { // faults, or reads what no message has
		if b != 0xDB {
			t.Fatalf("byte %d is still readable: %#x", i, b)
		}
	}
}
