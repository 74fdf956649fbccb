// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// Bodies that begin with eight bytes of id.
var withIDs = &zcnet.ConnOptions{IDs: zcnet.IDs{Width: 8}}

func roomAnd(text string) []byte { return append(make([]byte, 8), text...) }

// answerInTens answers ten questions at a time, the last one first.
func answerInTens(ctx context.Context, conn *zcnet.Conn) {
	type question struct {
		id   uint64
		body []byte
	}
	var held []question
	for m := range conn.Messages(ctx) {
		id, err := conn.ID(m)
		if err != nil {
			return
		}
		held = append(held, question{id, append([]byte(nil), m.Bytes()...)})
		for ; len(held) >= 10; held = held[:0] {
			for i := range held {
				q := held[len(held)-1-i]
				if conn.Answer(ctx, q.id, q.body) != nil {
					return
				}
			}
		}
	}
}

func TestRequestsOfManyGoroutines(t *testing.T) {
	loop := background(t, nil)
	options := *withIDs
	options.HighWater = 1000
	near, far := pair(t, loop, lengths, &options)
	ctx := limited(t)
	go answerInTens(ctx, far)
	for range 10 {
		var all sync.WaitGroup
		for n := range 100 {
			all.Add(1)
			go func() {
				defer all.Done()
				question := fmt.Sprint("question ", n)
				m, err := near.Request(ctx, roomAnd(question))
				if err != nil {
					t.Error(err)
					return
				}
				if string(m.Bytes()[8:]) != question {
					t.Errorf("%q answers %q", m.Bytes()[8:], question)
				}
				check(t, m.Release())
			}()
		}
		all.Wait()
	}
	if stats := near.Stats(); stats.Answers != 1000 || stats.Requests < 1000 || stats.RequestsWaiting != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestRequestsWithoutAnAnswer(t *testing.T) {
	near, far := pair(t, background(t, nil), lengths, withIDs)
	ctx := limited(t)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := near.Request(short, roomAnd("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		_, err := near.Request(cancelled, roomAnd("cancelled"))
		ended <- err
	}()
	eventually(t, "it asks", func() bool { return near.Stats().Requests == 2 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if waiting := near.Stats().RequestsWaiting; waiting != 0 {
		t.Errorf("%d requests wait", waiting)
	}
	// Their answers come too late: nobody gets them, and what has the id 0 is received as ever.
	for range 2 {
		m := must[zcnet.Message](t)(far.Recv(ctx))
		check(t, far.Answer(ctx, must[uint64](t)(far.ID(m)), roomAnd("too late")))
		check(t, m.Release())
	}
	check(t, far.SendCopy(ctx, roomAnd("by itself")))
	m := must[zcnet.Message](t)(near.Recv(ctx))
	if string(m.Bytes()[8:]) != "by itself" {
		t.Errorf("%q", m.Bytes())
	}
	check(t, m.Release())

	go func() {
		_, err := near.Request(ctx, roomAnd("never"))
		ended <- err
	}()
	check(t, must[zcnet.Message](t)(far.Recv(ctx)).Release())
	check(t, far.Abort())
	if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := near.Request(ctx, roomAnd("more")); err == nil {
		t.Error("a connection that has ended is asked")
	}
}

func TestRequestsEndWithTheirLoop(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.StartLoop(nil))
	near, _ := pair(t, loop, lengths, withIDs)
	ended := make(chan error)
	go func() {
		_, err := near.Request(context.Background(), roomAnd("never"))
		ended <- err
	}()
	eventually(t, "it asks", func() bool { return near.Stats().Requests == 1 })
	check(t, loop.Close())
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestRequestsByEvents(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, &zcnet.ListenOptions{Conn: withIDs}))
	conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, withIDs))
	if _, err := conn.Request(context.Background(), roomAnd("x")); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	check(t, conn.TryRequest(roomAnd("answer"), 1, time.Minute))
	check(t, conn.TryRequest(roomAnd("silence"), 2, time.Millisecond))
	answered, unanswered := false, false
	for event := range loop.Events(limited(t)) {
		switch event.Type() {
		case zcnet.EventMessage:
			if event.Conn() == conn {
				answered = event.Token() == 1 && string(event.Bytes()[8:]) == "yes"
			} else if string(event.Bytes()[8:]) == "answer" {
				id := must[uint64](t)(event.Conn().ID(event.Message()))
				check(t, event.Conn().TryAnswer(id, roomAnd("yes")))
			}
		case zcnet.EventUnanswered:
			unanswered = event.Conn() == conn && event.Token() == 2 && errors.Is(event.Err(), zcnet.ErrTimedOut)
		}
		if answered && unanswered {
			break
		}
	}
	check(t, loop.Err())
}

// The body is written once, into the connection's own queue, and the request taken back that was not sent.
func TestRequestsWithoutACopy(t *testing.T) {
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	listener := must[*zcnet.Listener](t)(loop.Listen("tcp://127.0.0.1:0", lengths, &zcnet.ListenOptions{Conn: withIDs}))
	conn := must[*zcnet.Conn](t)(loop.Connect(listener.Addr().String(), lengths, withIDs))
	room := must[[]byte](t)(conn.Reserve(16))
	id := must[uint64](t)(conn.BeginRequest(7, time.Minute))
	check(t, conn.PutID(room, id))
	copy(room[8:], "question")
	must[[]byte](t)(conn.Commit(16))
	unsent := must[uint64](t)(conn.BeginRequest(8, time.Minute))
	if ended := must[bool](t)(conn.EndRequest(unsent)); !ended {
		t.Error("it had ended already")
	}
	if ended := must[bool](t)(conn.EndRequest(unsent)); ended {
		t.Error("it ended twice")
	}
	if err := conn.PutID(room[:7], id); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := conn.BeginRequest(0, 0); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	for event := range loop.Events(limited(t)) {
		if event.Type() != zcnet.EventMessage {
			continue
		}
		if event.Conn() == conn {
			if event.Token() != 7 || string(event.Bytes()[8:]) != "to question" {
				t.Error(event.Token(), event.Bytes())
			}
			break
		}
		got := must[uint64](t)(event.Conn().ID(event.Message()))
		if got != id {
			t.Error(got, id)
		}
		check(t, event.Conn().TryAnswer(got, roomAnd("to "+string(event.Bytes()[8:]))))
	}
	check(t, loop.Err())
}

func TestWhatCannotBeAsked(t *testing.T) {
	loop := background(t, nil)
	ctx := limited(t)
	near, _ := pair(t, loop, lengths, nil)
	if _, err := near.Request(ctx, roomAnd("x")); !errors.Is(err, zcnet.ErrUnsupported) {
		t.Error(err)
	}
	near, _ = pair(t, loop, lengths, &zcnet.ConnOptions{IDs: zcnet.IDs{Width: 8, MaxRequests: 1}})
	if _, err := near.Request(ctx, []byte("short")); !errors.Is(err, zcnet.ErrInvalid) {
		t.Error(err)
	}
	go near.Request(ctx, roomAnd("first"))
	eventually(t, "it asks", func() bool { return near.Stats().RequestsWaiting == 1 })
	if _, err := near.Request(ctx, roomAnd("second")); !errors.Is(err, zcnet.ErrLimit) {
		t.Error(err)
	}
	check(t, near.Abort())
	if _, err := loop.Connect("tcp://127.0.0.1:1", lengths, &zcnet.ConnOptions{IDs: zcnet.IDs{Width: 3}}); !errors.Is(err, zcnet.ErrInvalid) {
		t.Error(err)
	}
}
