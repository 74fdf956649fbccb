// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func misusedEvent(t *testing.T, e zcnet.Event) {
	t.Helper()
	for _, empty := range []func() bool{
		func() bool { return e.Type() == 0 },
		func() bool { return e.Conn() == nil },
		func() bool { return e.Listener() == nil },
		func() bool { return e.Dialer() == nil },
		func() bool { return e.Relay() == nil },
		func() bool { return e.Message().IsZero() },
		func() bool { return e.Bytes() == nil },
		func() bool { return e.Token() == 0 },
		func() bool { return e.Count() == 0 },
		func() bool { return e.Wait() == 0 },
		func() bool { return e.Written() == 0 },
		func() bool { return e.Err() == nil },
	} {
		misuse(t, "an event", func() error {
			if !empty() {
				t.Error("an event that has ended tells of another")
			}
			return zcnet.ErrStale
		})
	}
}

// The array that events lie in is written to by the next poll, and freed with the loop.
func TestAnEventAfterItsTurn(t *testing.T) {
	ctx := limited(t)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(&zcnet.LoopOptions{EventCapacity: 4096}))
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
	check(t, conn.TrySendCopy([]byte("one")))
	var kept []zcnet.Event
	for event := range loop.Events(ctx) {
		kept = append(kept, event)
		if event.Type() == zcnet.EventMessage {
			break
		}
	}
	if last := kept[len(kept)-1]; string(last.Bytes()) != "one" { // a break does not end the turn
		t.Errorf("%q", last.Bytes())
	}
	check(t, loop.SetTimer(7, time.Millisecond))
	for event := range loop.Events(ctx) {
		if event.Type() == zcnet.EventTimer {
			for _, before := range kept {
				misusedEvent(t, before)
			}
			kept = append(kept, event)
			break
		}
	}
	check(t, loop.Close())
	<-loop.Done()
	for _, before := range kept {
		misusedEvent(t, before)
	}
}

// Two of one poll: the first goes on telling of its own connection.
func TestAcceptedTogether(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	dialTwo := func() {
		for range 2 {
			near := must[net.Conn](t)(net.Dial("tcp", strings.TrimPrefix(listener.Addr().String(), "tcp://")))
			t.Cleanup(func() { near.Close() })
		}
	}
	dialTwo()
	var first *zcnet.Conn
	var kept zcnet.Event
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventAccepted {
			continue
		}
		if first != nil && !hasEnded(kept) {
			if event.Conn() == first || kept.Conn() != first || kept.Listener() != listener {
				t.Error("the event tells of another connection")
			}
			return
		}
		if first != nil { // they came one by one
			dialTwo()
		}
		kept, first = event, event.Conn()
	}
	t.Error("no two connections in one poll:", loop.Err())
}

// Of connections that ended in one poll, too, though the program makes new ones meanwhile.
func TestEndedTogether(t *testing.T) {
	ctx := limited(t)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, nil))
	var conns [2]*zcnet.Conn
	for i := range conns {
		conns[i] = must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
		check(t, conns[i].Abort())
	}
	var kept zcnet.Event
	for event := range loop.Events(ctx) {
		switch {
		case event.Type() != zcnet.EventClosed:
		case event.Conn() == conns[0]:
			kept = event
		case event.Conn() == conns[1]:
			must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, nil))
			if kept.Conn() != conns[0] || !errors.Is(kept.Err(), net.ErrClosed) {
				t.Errorf("the event tells of another connection: %v", kept.Err())
			}
			return
		}
	}
	t.Error(loop.Err())
}

func hasEnded(e zcnet.Event) (ended bool) {
	defer func() { ended = ended || recover() != nil }()
	return e.Type() == 0
}
