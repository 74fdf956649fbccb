// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestDialSendReceive(t *testing.T) {
	for name, address := range addresses(t) {
		for _, own := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				ctx := limited(t)
				loop := background(t, &zcnet.LoopOptions{OwnThread: own})
				listener := must[*zcnet.Listener](t)(loop.Listen(address, lengths, nil))
				served := make(chan error, 1)
				go func() {
					conn, err := listener.Accept(ctx)
					if err != nil {
						served <- err
						return
					}
					for m := range conn.Messages(ctx) {
						if err := conn.SendMessage(ctx, m); err != nil {
							served <- err
							return
						}
					}
					served <- conn.ReadErr()
				}()
				conn := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), lengths, nil))
				if conn.RemoteAddr() == nil || conn.RemoteAddr().String() != listener.Addr().String() {
					t.Errorf("%v is not %v", conn.RemoteAddr(), listener.Addr())
				}
				want := map[string]string{"tcp": "tcp", "unix": "unix", "abstract": "unix"}[name]
				if conn.LocalAddr().Network() != want || listener.Addr().Network() != want {
					t.Error(conn.LocalAddr().Network())
				}
				for _, body := range []string{"hello", "", "three words here", string(bytes.Repeat([]byte("large "), 100000))} {
					u := unit(t, lengths, body)
					check(t, conn.Send(ctx, u))
					if !zcnet.DebugBuild && u.Release() != zcnet.ErrStale {
						t.Error("a unit that was sent could be released")
					}
					m := must[zcnet.Message](t)(conn.Recv(ctx))
					if m.String() != body || m.Len() != len(body) {
						t.Errorf("%d bytes came back, not %d", m.Len(), len(body))
					}
					frame := must[[]byte](t)(m.Frame())
					if len(frame) != len(body)+4 || cap(m.Bytes()) != len(body) {
						t.Errorf("%d bytes of frame, capacity %d", len(frame), cap(m.Bytes()))
					}
					check(t, m.Release())
				}
				check(t, conn.Close())
				check(t, <-served)
				<-conn.Done()
				check(t, conn.Err())
				if _, err := conn.Recv(ctx); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				check(t, listener.Close())
				if _, err := listener.Accept(ctx); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				if stats := listener.Stats(); stats.Accepted != 1 {
					t.Errorf("%+v", stats)
				}
			})
		}
	}
}

func TestContexts(t *testing.T) {
	loop := background(t, nil)
	near, far := pair(t, loop, lengths, &zcnet.ConnOptions{HighWater: 4096})
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	if _, err := near.Recv(short()); err != context.DeadlineExceeded {
		t.Error(err)
	}
	for range near.Messages(short()) {
		t.Error("a message")
	}
	if near.ReadErr() != context.DeadlineExceeded {
		t.Error(near.ReadErr())
	}
	// A peer that does not read: sending waits in the end, and the message that was not taken stays the caller's.
	check(t, far.Pause())
	var u *zcnet.Unit
	var err error
	for err == nil {
		u = unit(t, lengths, string(make([]byte, 4000)))
		err = near.Send(short(), u)
	}
	if err != context.DeadlineExceeded {
		t.Error(err)
	}
	for err = nil; err == nil; {
		if err = near.TrySend(u); err == nil {
			u = unit(t, lengths, string(make([]byte, 4000)))
		}
	}
	if err != zcnet.ErrWouldBlock || !errors.Is(err, syscall.EAGAIN) {
		t.Error(err)
	}
	// Someone who waits goes on when there is room.
	sent := make(chan error, 1)
	go func() { sent <- near.Send(limited(t), u) }()
	check(t, far.Resume())
	for m := range far.Messages(limited(t)) {
		if m.Len() != 4000 {
			t.Error(m.Len())
		}
		select {
		case err := <-sent:
			check(t, err)
			check(t, far.Close())
		default:
		}
	}
	// Cancelled before it begins.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := near.SendCopy(ctx, nil); err != context.Canceled {
		t.Error(err)
	}
	if _, err := loop.Dial(ctx, "tcp://127.0.0.1:1", lengths, nil); err != context.Canceled {
		t.Error(err)
	}
}

func TestDialThatFails(t *testing.T) {
	loop := background(t, nil)
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	address := "tcp://" + listener.Addr().String()
	check(t, listener.Close())
	if _, err := loop.Dial(limited(t), address, lengths, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if _, err := zcnet.Dial(limited(t), "unix:///nowhere/at/all", lengths, nil); err == nil {
		t.Error("connected to nothing")
	}
	driven := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer driven.Close()
	if _, err := driven.Dial(limited(t), address, lengths, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	conn := must[*zcnet.Conn](t)(driven.Connect(address, lengths, nil))
	if _, err := conn.Recv(limited(t)); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// Whoever receives slowly holds the sender back, and the memory in between stays small.
func TestBackPressure(t *testing.T) {
	ctx := limited(t)
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(nil))
	loop := background(t, &zcnet.LoopOptions{Pool: pool})
	near, far := pair(t, loop, lengths, nil)
	const total, size = 3000, 32 << 10 // 96 MB
	go func() {
		for i := range total {
			u, err := zcnet.NewUnit(pool, lengths, size)
			if err != nil {
				return
			}
			u.Bytes()[0] = byte(i)
			if err := near.Send(ctx, u); err != nil {
				_ = u.Release()
				return
			}
		}
	}()
	got, peak := 0, uint64(0)
	for m := range far.Messages(ctx) {
		if m.Len() != size || m.Bytes()[0] != byte(got) {
			t.Fatalf("message %d", got)
		}
		if got%100 == 0 {
			time.Sleep(time.Millisecond)
		}
		stats, err := pool.Stats()
		check(t, err)
		peak = max(peak, stats.InUseBytes)
		if got++; got == total {
			break
		}
	}
	if got != total || peak > 32<<20 {
		t.Errorf("%d messages, %d bytes at the peak: %v", got, peak, far.ReadErr())
	}
	check(t, near.Close())
	check(t, far.Close())
	check(t, loop.Close())
	<-loop.Done()
	drained(t, pool)
	check(t, pool.Close())
}

func TestManyGoroutines(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	go func() {
		for {
			conn, err := listener.Accept(ctx)
			if err != nil {
				return
			}
			go func() {
				for m := range conn.Messages(ctx) {
					if conn.SendMessage(ctx, m) != nil {
						return
					}
				}
			}()
		}
	}()
	var all sync.WaitGroup
	for i := range 20 {
		all.Add(1)
		go func() {
			defer all.Done()
			conn, err := zcnet.Dial(ctx, listener.Addr().String(), lengths, nil) // the package's own loop
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for j := range 200 {
				text := fmt.Sprintf("%d of %d", j, i)
				if err := conn.SendCopy(ctx, []byte(text)); err != nil {
					t.Error(err)
					return
				}
				m, err := conn.Recv(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if m.String() != text {
					t.Errorf("%q is not %q", m.String(), text)
				}
				check(t, m.Release())
			}
		}()
	}
	all.Wait()
	check(t, listener.Close())
}

// Several goroutines send on one connection, and several receive from it: each message goes to one, whole.
func TestOneConnectionManyGoroutines(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	const senders, each = 4, 500
	var sum atomic.Int64
	var receivers, sending sync.WaitGroup
	for range 3 {
		receivers.Add(1)
		go func() {
			defer receivers.Done()
			for {
				m, err := far.Recv(ctx)
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				sum.Add(int64(m.Len()))
				check(t, m.Release())
			}
		}()
	}
	for range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for j := range each {
				if _, err := near.Write(make([]byte, j)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	sending.Wait()
	check(t, near.Close())
	receivers.Wait()
	if want := int64(senders * each * (each - 1) / 2); sum.Load() != want {
		t.Errorf("%d bytes, not %d", sum.Load(), want)
	}
}
