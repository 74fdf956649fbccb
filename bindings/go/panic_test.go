// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// panics calls what is to panic with the words "on purpose".
func panics(t *testing.T, call func()) {
	t.Helper()
	defer func() {
		if r := recover(); r != "on purpose" {
			t.Errorf("no panic, or another: %v", r)
		}
	}()
	call()
}

func TestAPanicInABodyLeavesTheLoopUsable(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	check(t, near.SendCopy(ctx, []byte("one")))
	check(t, near.SendCopy(ctx, []byte("two")))
	panics(t, func() {
		for range far.Messages(ctx) {
			panic("on purpose")
		}
	})
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "two" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
	check(t, loop.Wake())
	panics(t, func() {
		for range loop.Events(ctx) {
			panic("on purpose")
		}
	})
	check(t, loop.Wake())
	for range loop.Events(ctx) {
		break
	}
	check(t, loop.Err())
}

// A function of the program that panics when its memory comes back: loud where it happens, and nothing else is lost.
func TestACallbackThatPanics(t *testing.T) {
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	var called []int
	for i := range 5 {
		check(t, u.AppendPinned(make([]byte, 100), func() {
			if called = append(called, i); i == 2 {
				panic("on purpose")
			}
		}))
	}
	panics(t, func() { _ = u.Release() })
	if len(called) != 5 {
		t.Error(called)
	}
}

// The same where the library lets go of the memory in a poll: the panic is that of the goroutine which drives the loop.
func TestACallbackThatPanicsInAPoll(t *testing.T) {
	ctx := limited(t)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	defer loop.Close()
	conn := must[*zcnet.Conn](t)(loop.Connect(echoServer(t, "tcp://127.0.0.1:0", lengths, nil), lengths, nil))
	called := 0
	for i := range 3 {
		u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
		check(t, u.AppendPinned([]byte("round it goes"), func() {
			if called++; i == 1 {
				panic("on purpose")
			}
		}))
		check(t, conn.TrySend(u))
	}
	got := 0
	count := func() {
		for event := range loop.Events(ctx) {
			if event.Type() == zcnet.EventMessage {
				got++
			}
			if got == 3 {
				return
			}
		}
	}
	panics(t, count)
	count() // and it goes on where it was
	if got != 3 || called != 3 {
		t.Errorf("%d messages, %d calls", got, called)
	}
}
