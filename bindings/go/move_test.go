// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// A connection that never stays anywhere for long loses nothing, and keeps the order.
func TestMovingInTheMiddleOfTraffic(t *testing.T) {
	ctx := limited(t)
	loops := []*zcnet.Loop{background(t, nil), background(t, nil), background(t, nil)}
	near, far := pair(t, loops[0], lengths, nil)
	const total = 30000
	var moves, got atomic.Int64
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 1; got.Load() < total && ctx.Err() == nil; i++ {
			for _, conn := range []*zcnet.Conn{near, far} {
				if err := conn.Move(loops[i%len(loops)]); err != nil {
					t.Error(err)
					return
				}
				moves.Add(1)
			}
		}
	}()
	go func() {
		for m := range far.Messages(ctx) {
			if err := far.SendMessage(ctx, m); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
				return
			}
		}
	}()
	go func() {
		for i := range uint64(total) {
			if err := near.SendCopy(ctx, binary.LittleEndian.AppendUint64(nil, i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for m := range near.Messages(ctx) {
		if n := binary.LittleEndian.Uint64(m.Bytes()); n != uint64(got.Load()) {
			t.Fatalf("message %d came as number %d", n, got.Load())
		}
		if got.Add(1) == total {
			break
		}
	}
	<-stopped
	if got.Load() != total || moves.Load() < 2 {
		t.Errorf("%d messages, %d moves", got.Load(), moves.Load())
	}
	if stats := near.Stats(); stats.MessagesIn != total || stats.MessagesOut != total {
		t.Errorf("%+v", stats)
	}
	check(t, near.Close())
	<-near.Done()
	if err := near.Move(loops[0]); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// One loop accepts and hands out, the others serve; each takes its own events.
func TestEventsOfAConnectionThatArrives(t *testing.T) {
	ctx := limited(t)
	acceptor := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	worker := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	listener := must[*zcnet.Listener](t)(acceptor.Listen("tcp://127.0.0.1:0", lengths, nil))
	ended := make(chan error, 2)
	go func() {
		for event := range acceptor.Events(ctx) {
			switch conn := event.Conn(); event.Type() {
			case zcnet.EventAccepted:
				conn.User = "mine"
				check(t, conn.Move(worker))
				if conn.Loop() != worker {
					t.Error("it is driven by another loop")
				}
			case zcnet.EventListenerClosed:
			default:
				t.Errorf("%v on the loop that it has left", event.Type())
			}
		}
		ended <- acceptor.Err()
	}()
	go func() {
		arrived := 0
		for event := range worker.Events(ctx) {
			switch event.Type() {
			case zcnet.EventArrived:
				if arrived++; event.Conn().User != "mine" {
					t.Error("it is another connection")
				}
			case zcnet.EventMessage:
				check(t, event.Conn().Forward(event.Message()))
			}
		}
		if arrived != 20 {
			t.Errorf("%d connections have arrived", arrived)
		}
		ended <- worker.Err()
	}()
	loop := background(t, nil)
	for range 20 {
		conn := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), lengths, nil))
		for _, text := range []string{"one", "two"} {
			check(t, conn.SendCopy(ctx, []byte(text)))
			m := must[zcnet.Message](t)(conn.Recv(ctx))
			if m.String() != text {
				t.Errorf("%q", m.String())
			}
			check(t, m.Release())
		}
		check(t, conn.Close())
	}
	if stats := listener.Stats(); stats.Open != 0 || stats.Accepted != 20 {
		t.Errorf("%+v", stats)
	}
	check(t, acceptor.Close()) // what has moved away does not end with it
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	check(t, worker.Shutdown(ctx))
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A connection ends with the loop that it is on, not with the one that it came from.
func TestTheEndAfterAMove(t *testing.T) {
	ctx := limited(t)
	from, to := must[*zcnet.Loop](t)(zcnet.StartLoop(nil)), must[*zcnet.Loop](t)(zcnet.StartLoop(nil))
	near, far := pair(t, from, lengths, nil)
	check(t, near.Move(to))
	check(t, far.Move(to))
	check(t, near.Move(to)) // it is there
	check(t, from.Close())
	<-from.Done()
	check(t, near.SendCopy(ctx, []byte("still there")))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "still there" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
	if err := near.Move(from); !errors.Is(err, net.ErrClosed) || near.Loop() != to {
		t.Error(err)
	}
	check(t, to.Close())
	<-near.Done()
	<-far.Done()
	if err := near.Move(to); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestMovesThatCannotBe(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	near, _ := pair(t, loop, lengths, nil)
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(nil))
	defer pool.Close()
	if err := near.Move(background(t, &zcnet.LoopOptions{Pool: pool})); err != zcnet.ErrUnsupported {
		t.Error(err)
	}
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	dialer := must[*zcnet.Dialer](t)(loop.NewDialer(listener.Addr().String(), lengths, quick()))
	conn := must[*zcnet.Conn](t)(dialer.Next(ctx))
	other := background(t, nil)
	if err := conn.Move(other); err != zcnet.ErrUnsupported {
		t.Error(err)
	}
	check(t, dialer.Close())
	check(t, conn.SendCopy(ctx, []byte("still works")))
	unopened := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer unopened.Close()
	connecting := must[*zcnet.Conn](t)(unopened.Connect(listener.Addr().String(), lengths, nil))
	if err := connecting.Move(other); err != zcnet.ErrBusy {
		t.Error(err)
	}
}

// Who waits to move away is told when the loop stops working in the background, and when it ends.
func TestMovingFromALoopThatStops(t *testing.T) {
	ctx := limited(t)
	to := background(t, nil)
	for range 20 {
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		running, stop := context.WithCancel(ctx)
		ran := make(chan error, 1)
		go func() { ran <- loop.Run(running) }()
		near, _ := func() (*zcnet.Conn, *zcnet.Conn) {
			eventually(t, "the loop works in the background", func() bool {
				_, err := loop.Dial(ctx, "unix-abstract:nobody-listens-here", lengths, nil)
				return !errors.Is(err, zcnet.ErrUnsupported)
			})
			return pair(t, loop, lengths, nil)
		}()
		moved := make(chan error, 1)
		go func() { moved <- near.Move(to) }()
		stop()
		check(t, <-moved) // by the one or by the other
		if err := <-ran; err != context.Canceled {
			t.Error(err)
		}
		check(t, loop.Close())
		<-loop.Done()
		check(t, near.Close())
	}
}

// What is at hand on the loop that a connection leaves stays, unless the connection is closed there.
func TestEventsAtHandWhenAConnectionMoves(t *testing.T) {
	ctx := limited(t)
	to := background(t, nil)
	for _, closes := range []bool{false, true} {
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
		near := must[net.Conn](t)(net.Dial("tcp", listener.Addr().String()[len("tcp://"):]))
		defer near.Close()
		const total = 100
		must[int](t)(near.Write(bytes.Repeat([]byte{0, 0, 0, 1, 'x'}, total)))
		var far *zcnet.Conn
		shown := 0
		for event := range loop.Events(ctx) {
			if event.Type() != zcnet.EventMessage {
				continue
			}
			if shown++; shown > 1 {
				continue
			}
			far = event.Conn()
			check(t, far.Move(to))
			check(t, loop.Close()) // when its turn is over: the connection is none of it any more
			if closes {
				check(t, far.Close())
			}
		}
		if closes {
			if shown != 1 {
				t.Errorf("%d messages of a connection that is closed", shown)
			}
			continue
		}
		for range total - shown {
			m := must[zcnet.Message](t)(far.Recv(ctx))
			check(t, m.Release())
		}
		check(t, far.Err())
		check(t, far.Close())
	}
}

// A loop that nobody drives any more ends without those that have left it.
func TestALoopThatEndsAtOnceAfterAMove(t *testing.T) {
	ctx := limited(t)
	to := background(t, nil)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	near := must[*zcnet.Conn](t)(to.Dial(ctx, listener.Addr().String(), lengths, nil))
	var far *zcnet.Conn
	for event := range loop.Events(ctx) {
		far = event.Conn()
		check(t, far.Move(to))
		break
	}
	check(t, loop.Close())
	<-loop.Done()
	check(t, near.SendCopy(ctx, []byte("still there")))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "still there" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
}
