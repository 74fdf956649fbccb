// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcngo_msg_release
// #cgo nocallback zcngo_msg_release
// #cgo noescape zcngo_msg_release_batch
// #cgo nocallback zcngo_msg_release_batch
// #cgo noescape zcngo_msg_take
// #cgo nocallback zcngo_msg_take
// #cgo noescape zcngo_msg_settle
// #cgo nocallback zcngo_msg_settle
// #cgo noescape zcngo_msg_view
// #cgo nocallback zcngo_msg_view
// #cgo noescape zcngo_msg_join
// #cgo nocallback zcngo_msg_join
// #cgo noescape zcngo_msg_frame
// #cgo nocallback zcngo_msg_frame
// #cgo noescape zcngo_msg_iovecs
// #cgo nocallback zcngo_msg_iovecs
import "C"

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Message is a view of received bytes, where the kernel wrote them.
//
// A message is valid until it is released, or, in an [Event] and in the iterators, until the next turn: [Message.Clone]
// makes one that stays. It is a value of some words that may be copied and passed around; copies share one life, so one
// Release ends all of them. What is used after its end is found: Bytes gives nil and other methods [ErrStale], and with
// the build tag zcnet_debug the program ends at that place.
type Message struct {
	data   unsafe.Pointer // C memory
	size   int
	handle uintptr
	holder *holder
	serial uint64
	body   int64 // that is still to come, behind a header alone
}

// holder is what messages are valid by: as long as its serial is theirs. A loop, stream or iterator has one for all
// that it shows; a message that the program owns has one of its own, used again for others after its release.
type holder struct {
	serial atomic.Uint64
	owner  *sync.Mutex // held for calls with borrowed handles; nil: none is needed
	kept   uintptr     // under owner: the message that is shown, retained, when who lent it had to go on; 0: it had not
	leak   *leakMark   // of a message that the program owns; nil: what is shown is not the program's to release
}

var holders = sync.Pool{New: func() any {
	h := &holder{}
	h.leak = watch(h, "Message")
	h.leak.settle()
	return h
}}

// ownMessage wraps a handle that the program shall release.
func ownMessage(handle uintptr, data unsafe.Pointer, size int) Message {
	h := holders.Get().(*holder)
	h.leak.owe()
	return Message{data: data, size: size, handle: handle, holder: h, serial: h.serial.Load()}
}

func (m Message) valid() bool { return m.holder != nil && m.holder.serial.Load() == m.serial }

// stale is where all misuse of messages ends up.
//
//go:noinline
func (h *holder) stale(what string) error {
	if debug && h != nil {
		panic("zcnet: " + what + " of a message after its end")
	}
	return ErrStale
}

// Bytes is the message without what the framing strips: the received bytes themselves, valid as long as the message
// and not to be written to. Its capacity is its length, so append copies. It is nil for a joined message, whose bytes do
// not lie in one piece.
func (m Message) Bytes() []byte {
	if !m.valid() {
		if debug {
			_ = m.holder.stale("Bytes")
		}
		return nil
	}
	if m.data == nil {
		return nil
	}
	return bytesOf(m.data, m.size)
}

// bytesOf is unsafe.Slice with the capacity capped, and small enough to be inlined where every nanosecond counts.
func bytesOf(data unsafe.Pointer, size int) []byte {
	return *(*[]byte)(unsafe.Pointer(&sliceHeader{data, size, size}))
}

type sliceHeader struct {
	data           unsafe.Pointer
	size, capacity int
}

// Len is the number of bytes; 0 after the message's end.
func (m Message) Len() int {
	if !m.valid() {
		return 0
	}
	return m.size
}

// String is a copy of the bytes, of joined messages too.
func (m Message) String() string {
	if m.data != nil || !m.valid() {
		return string(m.Bytes())
	}
	var all strings.Builder
	_, _ = m.WriteTo(&all)
	return all.String()
}

// IsZero tells whether m is no message at all.
func (m Message) IsZero() bool { return m.holder == nil }

// Release ends the message. It is nothing for one that is only shown, in an event or an iterator. A second Release
// says [ErrStale] and does nothing else. Any goroutine may call it.
func (m Message) Release() error {
	if m.holder == nil {
		return ErrStale
	}
	if m.holder.leak == nil {
		if !m.valid() {
			return m.holder.stale("Release")
		}
		return nil
	}
	if !m.holder.serial.CompareAndSwap(m.serial, m.serial+1) {
		return m.holder.stale("Release")
	}
	m.holder.leak.settle()
	status := C.zcngo_msg_release(C.uintptr_t(m.handle))
	holders.Put(m.holder)
	return statusError(status)
}

// ReleaseAll ends many messages in one call of the library. The error is the first that there was; the others are
// released all the same.
func ReleaseAll(messages []Message) error {
	var first error
	var handles [64]C.uintptr_t
	count := 0
	flush := func() {
		if count == 0 {
			return
		}
		if status := C.zcngo_msg_release_batch(&handles[0], C.size_t(count)); status != C.ZCN_OK && first == nil {
			first = Status(status)
		}
		count = 0
	}
	for _, m := range messages {
		if m.holder == nil || m.holder.leak == nil || !m.holder.serial.CompareAndSwap(m.serial, m.serial+1) {
			if err := m.Release(); err != nil && first == nil {
				first = err
			}
			continue
		}
		m.holder.leak.settle()
		holders.Put(m.holder)
		handles[count] = C.uintptr_t(m.handle)
		if count++; count == len(handles) {
			flush()
		}
	}
	flush()
	return first
}

// now is the handle that stands for m. The caller holds the owner's lock, and m is valid.
func (m Message) now() C.uintptr_t {
	if m.holder.kept != 0 {
		return C.uintptr_t(m.holder.kept)
	}
	return C.uintptr_t(m.handle)
}

// locked calls use while the handle is valid and may be used.
func (m Message) locked(what string, use func(handle C.uintptr_t) error) error {
	if m.holder == nil {
		return ErrStale
	}
	if m.holder.owner != nil {
		m.holder.owner.Lock()
		defer m.holder.owner.Unlock()
	}
	if !m.valid() {
		return m.holder.stale(what)
	}
	err := use(m.now())
	runtime.KeepAlive(m.holder)
	return err
}

func (m Message) take(what string, how C.int, offset, size int) (Message, error) {
	var view C.zcngo_view
	err := m.locked(what, func(handle C.uintptr_t) error {
		return statusError(C.zcngo_msg_take(&view, handle, how, C.uint64_t(offset), C.uint64_t(size)))
	})
	if err != nil {
		return Message{}, err
	}
	return ownMessage(uintptr(view.msg), view.data, int(view.size)), nil
}

// Clone keeps a message: the new one is valid until its own Release, on any goroutine, even after connection, loop and
// pool are gone. It copies no byte. While it lives it holds the block that its bytes lie in; see [Message.Detach].
func (m Message) Clone() (Message, error) {
	kept, err := m.take("Clone", C.ZCNGO_RETAIN, 0, 0)
	kept.body = m.body
	return kept, err
}

// Slice is a part of a message as a message of its own. It copies no byte.
func (m Message) Slice(offset, size int) (Message, error) {
	if offset < 0 || size < 0 {
		return Message{}, ErrInvalid
	}
	return m.take("Slice", -1, offset, size)
}

// Detach copies a message into memory of its own, so that a small one that lives long does not hold a large block.
func (m Message) Detach() (Message, error) { return m.take("Detach", C.ZCNGO_DETACH, 0, 0) }

// Writable makes the bytes of a message that the program owns writable: those where they lie when nobody else shares
// them, else a copy. It ends m on success, and gives the message to go on with, and its bytes for writing until that
// is cloned, sliced, joined or sent. A message that is only shown has to be cloned first, and its turn to be over.
func (m Message) Writable() (Message, []byte, error) {
	if m.holder == nil || m.holder.leak == nil {
		return Message{}, nil, ErrInvalid
	}
	if !m.holder.serial.CompareAndSwap(m.serial, m.serial+1) { // nobody else shall use it meanwhile
		return Message{}, nil, m.holder.stale("Writable")
	}
	var view C.zcngo_view
	var data unsafe.Pointer
	if status := C.zcngo_msg_make_writable(&view, C.uintptr_t(m.handle), &data); status != C.ZCN_OK {
		m.holder.serial.Store(m.serial)
		return Message{}, nil, Status(status)
	}
	m.holder.leak.settle()
	holders.Put(m.holder)
	made := ownMessage(uintptr(view.msg), view.data, int(view.size))
	return made, bytesOf(data, made.size), nil
}

// Frame is the whole frame as it stood on the wire, header and delimiter included. Slices, joined and some detached
// messages have none: [ErrUnsupported].
func (m Message) Frame() ([]byte, error) {
	var data unsafe.Pointer
	var size C.uint64_t
	err := m.locked("Frame", func(handle C.uintptr_t) error {
		return statusError(C.zcngo_msg_frame(handle, &data, &size))
	})
	if err != nil {
		return nil, err
	}
	return bytesOf(data, int(size)), nil
}

// Join makes one message of 1 to 1024, as a list of their bytes: none is copied. It is read with [Message.Buffers] or
// [Message.WriteTo]. The messages stay as they are.
func Join(messages ...Message) (Message, error) {
	if len(messages) == 0 || len(messages) > 1024 {
		return Message{}, ErrInvalid
	}
	var owner *sync.Mutex
	for _, m := range messages {
		switch {
		case m.holder == nil || m.holder.owner == nil:
		case owner != nil && m.holder.owner != owner:
			return Message{}, ErrInvalid // shown by two loops, which no one goroutine drives
		default:
			owner = m.holder.owner
		}
	}
	if owner != nil {
		owner.Lock()
		defer owner.Unlock()
	}
	handles := make([]C.uintptr_t, len(messages))
	for i, m := range messages {
		if !m.valid() {
			return Message{}, m.holder.stale("Join")
		}
		handles[i] = m.now()
	}
	var view C.zcngo_view
	status := C.zcngo_msg_join(&view, &handles[0], C.size_t(len(handles)))
	runtime.KeepAlive(messages)
	if status != C.ZCN_OK {
		return Message{}, Status(status)
	}
	return ownMessage(uintptr(view.msg), view.data, int(view.size)), nil
}

// Buffers is the parts of a message: one, or those of a joined one. They are valid as long as it.
func (m Message) Buffers() (net.Buffers, error) {
	var parts []C.struct_iovec
	var count C.size_t
	err := m.locked("Buffers", func(handle C.uintptr_t) error {
		if status := C.zcngo_msg_iovecs(handle, nil, 0, &count); status != C.ZCN_OK {
			return Status(status)
		}
		parts = make([]C.struct_iovec, count)
		return statusError(C.zcngo_msg_iovecs(handle, unsafe.SliceData(parts), count, &count))
	})
	if err != nil {
		return nil, err
	}
	buffers := make(net.Buffers, len(parts))
	for i, part := range parts {
		buffers[i] = bytesOf(part.iov_base, int(part.iov_len))
	}
	return buffers, nil
}

// WriteTo writes the bytes to w, as [io.WriterTo] has it.
func (m Message) WriteTo(w io.Writer) (int64, error) {
	if m.data != nil {
		if !m.valid() {
			return 0, m.holder.stale("WriteTo")
		}
		n, err := w.Write(m.Bytes())
		return int64(n), err
	}
	buffers, err := m.Buffers()
	if err != nil {
		return 0, err
	}
	return buffers.WriteTo(w)
}

var _ io.WriterTo = Message{}
