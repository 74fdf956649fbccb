// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// SetFraming changes the framing of what is received behind the message that Recv or Messages gave last. It is for who
// receives alone: [ErrBusy] when somebody else has a later message. It waits for a Recv that is under way.
func (s *Stream) SetFraming(framing *Framing) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	_ = s.awaitReader(context.Background())
	if s.shut {
		return ErrClosed
	}
	status := C.zcngo_stream_set_framing(s.in.c, C.uintptr_t(s.lastGiven()), framing.pointer())
	if status == C.ZCN_OK {
		s.framing, s.calls = framing, s.calls || framing.calls()
	}
	return statusError(status)
}

// lastGiven is the message of the present array that was given last; 0: none, and nothing of it was. The caller holds in.mu.
func (s *Stream) lastGiven() uintptr {
	events := unsafe.Slice((*rawEvent)(unsafe.Pointer(s.in.c.events)), int(s.in.c.count))
	for i := min(s.next, len(events)) - 1; i >= 0; i-- {
		if events[i].kind == EventMessage {
			return events[i].msg
		}
	}
	return 0
}

// SetSendFraming changes the framing of what is sent from now on.
func (s *Stream) SetSendFraming(framing *Framing) error {
	defer runtime.KeepAlive(framing)
	return s.sending(func(c *C.zcngo_stream) C.int32_t {
		return C.int32_t(C.zcn_stream_set_send_framing(c.stream, framing.pointer()))
	})
}
