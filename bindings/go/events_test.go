// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// echo drives a loop that sends everything back, until the loop ends.
func echo(ctx context.Context, loop *zcnet.Loop) error {
	for event := range loop.Events(ctx) {
		if event.Type() == zcnet.EventMessage {
			_ = event.Conn().Forward(event.Message())
		}
	}
	return loop.Err()
}

func echoServer(t testing.TB, address string, framing *zcnet.Framing, options *zcnet.LoopOptions) string {
	t.Helper()
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(options))
	listener := must[*zcnet.Listener](t)(loop.Listen(address, framing, nil))
	ended := make(chan error, 1)
	go func() { ended <- echo(context.Background(), loop) }()
	t.Cleanup(func() {
		check(t, loop.Close())
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return listener.Addr().String()
}

func TestEventsBothEnds(t *testing.T) {
	for name, address := range addresses(t) {
		for _, own := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				address := echoServer(t, address, lengths, &zcnet.LoopOptions{OwnThread: own})
				loop := must[*zcnet.Loop](t)(zcnet.NewLoop(&zcnet.LoopOptions{OwnThread: own, EventCapacity: 16}))
				defer loop.Close()
				conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))
				const total = 20000
				sent, got := 0, 0
				send := func() {
					for sent < total {
						room, err := conn.Reserve(8)
						for ; err == nil && len(room) >= 8 && sent < total; sent++ {
							binary.LittleEndian.PutUint64(room, uint64(sent))
							room, err = conn.Commit(8)
						}
						if err == zcnet.ErrWouldBlock {
							return
						}
						check(t, err)
					}
				}
				var last error = errors.New("no end")
				for event := range loop.Events(limited(t)) {
					if event.Conn() != conn {
						t.Fatalf("%v has another connection", event.Type())
					}
					switch event.Type() {
					case zcnet.EventConnected, zcnet.EventWritable:
						send()
					case zcnet.EventMessage:
						if n := binary.LittleEndian.Uint64(event.Bytes()); n != uint64(got) || event.Message().Len() != 8 {
							t.Fatalf("message %d came as number %d", n, got)
						}
						if got++; got == total {
							check(t, conn.Close())
						}
					case zcnet.EventClosed:
						last = event.Err()
						check(t, loop.Shutdown(context.Background()))
					}
				}
				if err := loop.Err(); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				if got != total || last != nil {
					t.Errorf("%d messages, then %v", got, last)
				}
				if stats := conn.Stats(); stats.MessagesIn != total || stats.MessagesOut != total {
					t.Errorf("after the end: %+v", stats)
				}
			})
		}
	}
}

func TestEventsGoOnAfterABreak(t *testing.T) {
	address := echoServer(t, "tcp://127.0.0.1:0", lengths, nil)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, nil))
	ctx := limited(t)
	const total = 1000
	for i := range total {
		check(t, conn.TrySend(unit(t, lengths, string([]byte{byte(i)}))))
	}
	for got := 0; got < total; {
		for event := range loop.Events(ctx) { // one event at a time: none may be lost between
			if event.Type() == zcnet.EventMessage {
				if event.Bytes()[0] != byte(got) {
					t.Fatalf("message %d is %d", got, event.Bytes()[0])
				}
				got++
			}
			break
		}
		check(t, loop.Err())
	}
}

func TestEventsEndWithTheContext(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for event := range loop.Events(ctx) {
		t.Errorf("an event: %v", event.Type())
	}
	if loop.Err() != context.DeadlineExceeded {
		t.Error(loop.Err())
	}
	// And it can be driven again.
	check(t, loop.Wake())
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventWoken || event.Conn() != nil {
			t.Errorf("an event: %v", event.Type())
		}
		break
	}
	check(t, loop.Err())
}

func TestTimers(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	check(t, loop.SetTimer(1, 30*time.Millisecond))
	check(t, loop.SetTimer(2, 10*time.Millisecond))
	check(t, loop.SetTimer(3, time.Hour))
	check(t, loop.SetTimer(4, 20*time.Millisecond))
	check(t, loop.CancelTimer(4))
	if err := loop.CancelTimer(4); err != zcnet.ErrWouldBlock {
		t.Error(err)
	}
	start := time.Now()
	var tokens []uint64
	for event := range loop.Events(limited(t)) {
		if tokens = append(tokens, event.Token()); len(tokens) == 2 {
			break
		}
	}
	if len(tokens) != 2 || tokens[0] != 2 || tokens[1] != 1 || time.Since(start) < 30*time.Millisecond {
		t.Errorf("%v after %v", tokens, time.Since(start))
	}
}

// A deadline that passes while the program is busy with its events must not show them again.
func TestADeadlineThatPassesMeanwhile(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	check(t, loop.SetTimer(1, 20*time.Millisecond))
	go func() {
		time.Sleep(5 * time.Millisecond) // so that the loop waits, with its deadline set; sooner is harmless
		_ = loop.Wake()
	}()
	type what struct {
		kind  zcnet.EventType
		token uint64
	}
	seen := map[what]int{}
	for event := range loop.Events(limited(t)) {
		seen[what{event.Type(), event.Token()}]++
		if event.Token() == 2 {
			break
		}
		time.Sleep(30 * time.Millisecond) // the program is busy
		if len(seen) == 2 {
			check(t, loop.SetTimer(2, time.Millisecond)) // behind what might come again
		}
	}
	woken, first, last := what{zcnet.EventWoken, 0}, what{zcnet.EventTimer, 1}, what{zcnet.EventTimer, 2}
	if len(seen) != 3 || seen[woken] != 1 || seen[first] != 1 || seen[last] != 1 {
		t.Error(seen)
	}
}

// Wake-ups from elsewhere at random times, by the runtime's poller: none may be lost.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, capacity := range []int{16, 1024} {
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(&zcnet.LoopOptions{EventCapacity: capacity}))
		total := 20000
		if testing.Short() {
			total = 4000
		}
		answers := make(chan struct{}, 1)
		go func() {
			random := rand.New(rand.NewPCG(1, uint64(capacity)))
			for range total {
				for range random.IntN(2000) {
					if random.IntN(100) == 0 {
						runtime.Gosched()
					}
				}
				_ = loop.Wake()
				<-answers // a lost one shows as a hang, which the context ends
			}
		}()
		seen := 0
		for event := range loop.Events(limited(t)) {
			if event.Type() != zcnet.EventWoken {
				t.Fatal(event.Type())
			}
			answers <- struct{}{}
			if seen++; seen == total {
				break
			}
		}
		if seen != total {
			t.Errorf("%d of %d: %v", seen, total, loop.Err())
		}
		check(t, loop.Close())
	}
}

// Sends from another goroutine while the loop sleeps, and from the loop's own turn, with a batch of one message.
func TestSendsBetweenPolls(t *testing.T) {
	address := echoServer(t, "tcp://127.0.0.1:0", lengths, nil)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	conn := must[*zcnet.Conn](t)(loop.Connect(address, lengths, &zcnet.ConnOptions{MessagesPerPoll: 1}))
	const total = 2000
	next := make(chan struct{}, 1)
	go func() {
		for range next {
			_ = conn.TrySendCopy([]byte("from elsewhere"))
		}
	}()
	got := 0
	for event := range loop.Events(limited(t)) {
		if event.Type() == zcnet.EventConnected {
			check(t, conn.TrySendCopy([]byte("first")))
		}
		if event.Type() != zcnet.EventMessage {
			continue
		}
		if got++; got == total {
			close(next)
			break
		}
		if got%2 == 0 {
			next <- struct{}{}
		} else {
			check(t, conn.TrySendCopy([]byte("from the turn")))
		}
	}
	if got != total {
		t.Errorf("%d of %d: %v", got, total, loop.Err())
	}
}

func TestLoopIsDrivenOnce(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	check(t, loop.Wake())
	for range loop.Events(limited(t)) {
		for range loop.Events(limited(t)) {
			t.Error("an event of a loop that is driven elsewhere")
		}
		if loop.Err() != zcnet.ErrBusy {
			t.Error(loop.Err())
		}
		if err := loop.Run(limited(t)); err != zcnet.ErrBusy {
			t.Error(err)
		}
		break
	}
	check(t, loop.Close())
	if err := loop.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	for range loop.Events(limited(t)) {
		t.Error("an event of a loop that has ended")
	}
	if !errors.Is(loop.Err(), net.ErrClosed) {
		t.Error(loop.Err())
	}
	if err := loop.Wake(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := loop.Connect("tcp://127.0.0.1:1", lengths, nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	<-loop.Done()
}

// Closing from another goroutine, in the middle of whatever the driver does.
func TestCloseInTheMiddleOfAPoll(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for round := range rounds {
		loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
		listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
		conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
		for range 100 {
			check(t, conn.TrySendCopy([]byte("round and round it goes")))
		}
		kept := make(chan zcnet.Message, 1000)
		go func() {
			time.Sleep(time.Duration(rand.IntN(1000*(round%10+1))) * time.Microsecond)
			if round%2 == 0 {
				_ = loop.Close()
				return
			}
			_ = conn.Close()
			_ = conn.Abort()
			_ = listener.Close()
			_ = loop.Close()
		}()
		for event := range loop.Events(limited(t)) {
			if event.Type() != zcnet.EventMessage {
				continue
			}
			if len(kept) < cap(kept) {
				if m, err := event.Message().Clone(); err == nil {
					kept <- m
				}
			}
			_ = event.Conn().Forward(event.Message())
		}
		if !errors.Is(loop.Err(), net.ErrClosed) {
			t.Fatal(loop.Err())
		}
		<-loop.Done()
		<-conn.Done()
		<-listener.Done()
		close(kept)
		for m := range kept { // they outlive the loop
			if m.String() != "round and round it goes" {
				t.Fatalf("%q", m.String())
			}
			check(t, m.Release())
		}
	}
}
