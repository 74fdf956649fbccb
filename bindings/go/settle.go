// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import "runtime"

// SettleAll lets messages that the program owns go easy on memory: each that has been held for DetachAfter of its pool's
// options, and keeps more than DetachRatio times its bytes, is replaced in the slice by a copy of its own, as
// [Message.Detach] makes it, and ends. So slices of the bytes, and other copies of the Message, are not to be used any
// more: call it now and then over what is kept for long, and take the bytes anew. With the default options of pools nothing
// is ever replaced. It gives how many were.
//
// Neighbours in the slice that lie in one block are judged together: give messages in the order in which they came. Zero
// messages are skipped. What is wrong with one leaves that one as it is, and does not keep the others from being replaced:
// [ErrInvalid] one that is only shown, [ErrStale] one that has ended, [ErrNoMemory] no memory for a copy.
func SettleAll(messages []Message) (replaced int, err error) {
	handles := make([]C.uintptr_t, len(messages))
	var ended *holder
	for i, m := range messages {
		switch {
		case m.holder == nil:
		case m.holder.leak == nil:
			err = ErrInvalid
		case m.holder.serial.CompareAndSwap(m.serial, m.serial+1): // nobody else shall use it meanwhile
			handles[i] = C.uintptr_t(m.handle)
		default:
			ended = m.holder
		}
	}
	var count C.size_t
	if len(handles) != 0 {
		if status := C.zcngo_msg_settle(&handles[0], C.size_t(len(handles)), &count); status != C.ZCN_OK {
			err = Status(status)
		}
	}
	for i, handle := range handles {
		m := messages[i]
		switch handle {
		case 0:
		case C.uintptr_t(m.handle):
			m.holder.serial.Store(m.serial)
		default:
			m.holder.leak.settle()
			holders.Put(m.holder)
			var view C.zcngo_view
			C.zcngo_msg_view(&view, handle)
			messages[i] = ownMessage(uintptr(view.msg), view.data, int(view.size))
			messages[i].body = m.body
		}
	}
	runtime.KeepAlive(messages)
	if ended != nil {
		err = ended.stale("SettleAll")
	}
	return int(count), err
}
