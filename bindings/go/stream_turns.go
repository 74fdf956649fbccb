// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
	"iter"
	"slices"
)

// turn is of one Messages: what it shows just now.
type turn struct {
	shown  uintptr // the message as the stream lends it; 0: none
	holder holder
}

// Messages gives the messages of the stream until it ends or ctx is done; [Stream.ReadErr] then says why. Each is
// valid for its turn, whatever is done with the stream meanwhile; [Message.Clone] keeps it. Several goroutines may go
// through the messages of one stream; each goes to one of them.
func (s *Stream) Messages(ctx context.Context) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		var why error
		t := s.beginTurns()
		defer func() { s.endTurns(t, why) }()
		for {
			m, err := s.show(ctx, t)
			if err != nil {
				if err != io.EOF {
					why = err
				}
				return
			}
			if !yield(m) {
				return
			}
		}
	}
}

func (s *Stream) beginTurns() *turn {
	t := &turn{}
	t.holder.owner = &s.in.mu
	s.in.mu.Lock()
	s.turns = append(s.turns, t)
	s.in.mu.Unlock()
	return t
}

func (s *Stream) endTurns(t *turn, why error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.endTurn(t)
	s.turns = slices.DeleteFunc(s.turns, func(other *turn) bool { return other == t })
	s.readErr = why
}

// show is the next message, for the turn that begins.
func (s *Stream) show(ctx context.Context, t *turn) (Message, error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.endTurn(t)
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	event, err := s.nextMessage(ctx)
	if err != nil {
		return Message{}, s.endError(err)
	}
	t.shown = event.msg
	return Message{data: event.data, size: int(event.size), handle: event.msg, holder: &t.holder,
		serial: t.holder.serial.Load()}, nil
}

// endTurn is called with in.mu held.
func (s *Stream) endTurn(t *turn) {
	if t.shown == 0 {
		return
	}
	t.holder.serial.Add(1)
	if t.holder.kept != 0 {
		C.zcngo_msg_release(C.uintptr_t(t.holder.kept))
	}
	t.shown, t.holder.kept = 0, 0
	if s.shut {
		s.closeInput()
	}
}

// keepShown retains what is shown by others, before what the stream lent ends. The caller holds in.mu.
func (s *Stream) keepShown() error {
	for _, t := range s.turns {
		if t.shown == 0 || t.holder.kept != 0 {
			continue
		}
		var view C.zcngo_view
		if status := C.zcngo_msg_take(&view, C.uintptr_t(t.shown), C.ZCNGO_RETAIN, 0, 0); status != C.ZCN_OK {
			return Status(status)
		}
		t.holder.kept = uintptr(view.msg)
	}
	return nil
}

// closeInput gives the stream's memory back, unless somebody still looks at it: then the last of them does. The caller
// holds in.mu.
func (s *Stream) closeInput() {
	lent := func(t *turn) bool { return t.shown != 0 && t.holder.kept == 0 }
	if !slices.ContainsFunc(s.turns, lent) {
		s.in.close()
	}
}

// ReadErr is why the last [Stream.Messages] ended; nil after a break and at the end that the peer made in order.
func (s *Stream) ReadErr() error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return s.readErr
}
