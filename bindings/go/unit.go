// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcn_unit_alloc
// #cgo noescape zcn_unit_append_copy
// #cgo noescape zcngo_unit_append_msg
// #cgo noescape zcngo_unit_append_frame
// #cgo nocallback zcn_unit_alloc
// #cgo nocallback zcn_unit_append_copy
// #cgo nocallback zcngo_unit_append_msg
// #cgo nocallback zcngo_unit_append_frame
import "C"

import (
	"io"
	"runtime"
	"unsafe"
)

// Unit is what is sent as one message: a body of one or more parts, none of which is copied on its way to the socket.
//
// Sending takes the unit when it succeeds, and only then; to send it more than once, seal it and [Unit.Clone] it for
// each further time. A unit that is not sent has to be released. While it is made it belongs to one goroutine.
//
// Three ways lead to a body, the best one first: [NewUnit] gives memory of the library to write into, and costs
// nothing more; [Unit.AppendPinned] sends Go memory from where it is, for large slices, as [Unit.AppendString] does for
// strings; [Unit.AppendCopy] copies.
type Unit struct {
	c      *C.zcn_unit
	body   []byte
	sealed bool
	leak   *leakMark
}

func newUnit(c *C.zcn_unit, body []byte) *Unit {
	u := &Unit{c: c, body: body}
	if debug {
		u.leak = watch(u, "Unit")
	}
	return u
}

// NewUnit makes a unit with size bytes of library memory, which [Unit.Bytes] shows for writing. Give it the framing
// that it will be sent with, so that there is room for the header in front. Units that are made one after the other
// lie one after the other, and leave as one piece.
func NewUnit(pool *Pool, framing *Framing, size int) (*Unit, error) {
	if size < 0 {
		return nil, ErrInvalid
	}
	var c *C.zcn_unit
	var data unsafe.Pointer
	err := pool.with(func(p *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_unit_alloc(&c, &data, p, framing.pointer(), C.uint64_t(size))))
	})
	runtime.KeepAlive(framing)
	if err != nil {
		return nil, err
	}
	return newUnit(c, bytesOf(data, size)), nil
}

// NewEmptyUnit makes a unit without a body, to append parts to.
func NewEmptyUnit(pool *Pool) (*Unit, error) {
	var c *C.zcn_unit
	err := pool.with(func(p *C.zcn_pool) error { return statusError(C.int32_t(C.zcn_unit_create(&c, p))) })
	if err != nil {
		return nil, err
	}
	return newUnit(c, nil), nil
}

// Bytes is the memory that [NewUnit] gave, for writing until the unit is sealed or sent.
func (u *Unit) Bytes() []byte { return u.body }

// Len is the bytes of the body; 0 when the unit is gone.
func (u *Unit) Len() int {
	if u.c == nil {
		return 0
	}
	n := int(C.zcn_unit_size(u.c))
	runtime.KeepAlive(u)
	return n
}

// do is for the calls that need a unit that is still there.
func (u *Unit) do(call func(c *C.zcn_unit) C.int32_t) error {
	if u.c == nil {
		if debug {
			panic("zcnet: use of a unit that was sent or released")
		}
		return ErrStale
	}
	err := statusError(call(u.c))
	runtime.KeepAlive(u)
	return err
}

// Append adds size bytes of library memory, and gives them for writing.
func (u *Unit) Append(size int) ([]byte, error) {
	if size < 0 {
		return nil, ErrInvalid
	}
	var data unsafe.Pointer
	if err := u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_append_alloc(c, &data, C.uint64_t(size)))
	}); err != nil {
		return nil, err
	}
	return bytesOf(data, size), nil
}

// AppendCopy adds a copy of p.
func (u *Unit) AppendCopy(p []byte) error {
	return u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_append_copy(c, unsafe.Pointer(unsafe.SliceData(p)), C.uint64_t(len(p))))
	})
}

// AppendPinned adds p itself, without a copy. It is pinned, and must not change, until done is called: when the last
// byte was written, or the connection has ended, or the unit was released unsent. Done may be nil; it is called by a
// goroutine that polls or releases, and must not block.
func (u *Unit) AppendPinned(p []byte, done func()) error {
	if len(p) == 0 {
		if done != nil {
			done()
		}
		return nil
	}
	number := pins.add(p, done)
	err := u.do(func(c *C.zcn_unit) C.int32_t {
		return C.zcngo_unit_append_pinned(c, unsafe.Pointer(unsafe.SliceData(p)), C.uint64_t(len(p)), C.uint64_t(number))
	})
	if err != nil {
		pins.drop(number)
	}
	return err
}

// AppendPages adds p, which is constant, without a copy, and lets the kernel hand its pages over to a receiver on this
// machine as they are; others are sent the same bytes from where they lie.
//
// DANGER: nothing tells when these pages are free. Not [EventSent], not the end of the unit or the connection, not the
// peer's answer: as long as the receiver, or whoever it passes them on to, has not read them, a change of the memory
// changes what is read. It is for memory that is never written to again, by nobody: strings and files that are part of the
// program, a mapping of a file that nobody writes to.
//
//	//go:embed page.html
//	var page string
//	…
//	err := unit.AppendPages(unsafe.Slice(unsafe.StringData(page), len(page)))
//
// So memory that the process can write to is refused with [ErrUnsupported]: all that Go or the library has allocated. What
// else is mapped from the same file is the program's to look after. A mapping may be unmapped when the unit has ended.
// Looking at the process's memory map takes some microseconds: make such a unit once, [Unit.Seal] it, and send clones.
func (u *Unit) AppendPages(p []byte) error {
	return u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_append_pages(c, unsafe.Pointer(unsafe.SliceData(p)), C.uint64_t(len(p))))
	})
}

// AppendMessage adds the body of a received message, without a copy. The message stays the caller's.
func (u *Unit) AppendMessage(m Message) error {
	return m.locked("AppendMessage", func(handle C.uintptr_t) error {
		return u.do(func(c *C.zcn_unit) C.int32_t { return C.zcngo_unit_append_msg(c, handle) })
	})
}

// AppendFrame adds the whole frame of a received message, its header included.
func (u *Unit) AppendFrame(m Message) error {
	return m.locked("AppendFrame", func(handle C.uintptr_t) error {
		return u.do(func(c *C.zcn_unit) C.int32_t { return C.zcngo_unit_append_frame(c, handle) })
	})
}

// ReadFrom appends what r gives until its end, read into library memory, as [io.ReaderFrom] has it.
func (u *Unit) ReadFrom(r io.Reader) (int64, error) {
	chunk := 32 << 10
	if limited, ok := r.(*io.LimitedReader); ok && limited.N < int64(chunk) {
		chunk = int(limited.N) + 1 // one more, to see the end without another part
	}
	if sized, ok := r.(interface{ Len() int }); ok && sized.Len() >= 0 {
		chunk = sized.Len() + 1
	}
	var total int64
	for {
		before := u.Len()
		part, err := u.Append(chunk)
		if err != nil {
			return total, err
		}
		n, err := io.ReadFull(r, part)
		total += int64(n)
		if n < len(part) {
			if cut := u.do(func(c *C.zcn_unit) C.int32_t {
				return C.int32_t(C.zcn_unit_truncate(c, C.uint64_t(before+n)))
			}); cut != nil {
				return total, cut
			}
		}
		switch err {
		case nil:
			continue
		case io.EOF, io.ErrUnexpectedEOF:
			return total, nil
		default:
			return total, err
		}
	}
}

// Truncate shortens the body.
func (u *Unit) Truncate(size int) error {
	if size < 0 {
		return ErrInvalid
	}
	err := u.do(func(c *C.zcn_unit) C.int32_t { return C.int32_t(C.zcn_unit_truncate(c, C.uint64_t(size))) })
	if err == nil && size < len(u.body) {
		u.body = u.body[:size:size]
	}
	return err
}

// SetPrefix sets the bytes that a framing with an offset puts before its length field.
func (u *Unit) SetPrefix(p []byte) error {
	return u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_set_prefix(c, unsafe.Pointer(unsafe.SliceData(p)), C.uint64_t(len(p))))
	})
}

// SetToken asks for an [EventSent] with this token when the unit has been written, on each connection.
func (u *Unit) SetToken(token uint64) error {
	return u.do(func(c *C.zcn_unit) C.int32_t { return C.int32_t(C.zcn_unit_set_token(c, C.uint64_t(token))) })
}

// Seal writes the header; the unit cannot change any more, and may be sent on many connections.
func (u *Unit) Seal(framing *Framing) error {
	err := u.do(func(c *C.zcn_unit) C.int32_t { return C.int32_t(C.zcn_unit_seal(c, framing.pointer())) })
	runtime.KeepAlive(framing)
	if err == nil {
		u.body, u.sealed = nil, true
	}
	return err
}

// Clone gives another handle of the same unit, to be sent or released on its own. It fails with [ErrInvalid] before the
// unit is sealed: what is still written to one would change what was sent with the other.
func (u *Unit) Clone() (*Unit, error) {
	var c *C.zcn_unit
	if err := u.do(func(have *C.zcn_unit) C.int32_t {
		if !u.sealed {
			return C.ZCN_EINVAL
		}
		c = C.zcn_unit_retain(have)
		return C.ZCN_OK
	}); err != nil {
		return nil, err
	}
	clone := newUnit(c, nil)
	clone.sealed = true
	return clone, nil
}

// Release ends a unit that was not sent. A second one says [ErrStale].
func (u *Unit) Release() error {
	c := u.taken()
	if c == nil {
		if debug {
			panic("zcnet: Release of a unit that was sent or released")
		}
		return ErrStale
	}
	C.zcn_unit_release(c)
	pins.collect()
	return nil
}

// taken empties the handle: its reference belongs to someone else from now on.
func (u *Unit) taken() *C.zcn_unit {
	c := u.c
	u.c, u.body = nil, nil
	if u.leak != nil {
		u.leak.settle()
	}
	return c
}

// UnitBatch is many units of one size, made and sent by two calls of the library in all. Those that were not sent have
// to be released.
type UnitBatch struct {
	units  []*C.zcn_unit
	datas  []unsafe.Pointer
	memory unsafe.Pointer // both of them, in C
	size   int
	first  int // those before it were sent
	leak   *leakMark
}

// NewUnitBatch makes count units (1 to 65536) of size bytes, neighbours in memory.
func NewUnitBatch(pool *Pool, framing *Framing, count, size int) (*UnitBatch, error) {
	b := &UnitBatch{}
	if err := b.Refill(pool, framing, count, size); err != nil {
		return nil, err
	}
	return b, nil
}

// Refill makes new units in the place of those that were sent. It fails with [ErrBusy] where some were not.
func (b *UnitBatch) Refill(pool *Pool, framing *Framing, count, size int) error {
	if count < 1 || count > 65536 || size < 0 {
		return ErrInvalid
	}
	if b.Len() != 0 {
		return ErrBusy
	}
	// The arrays lie in C memory, so that no call has to look through them for pointers.
	if cap(b.units) < count {
		C.free(b.memory)
		b.memory = C.calloc(C.size_t(2*count), C.size_t(unsafe.Sizeof(b.memory)))
		if b.memory == nil {
			b.units, b.datas = nil, nil
			return ErrNoMemory
		}
		all := unsafe.Slice((*unsafe.Pointer)(b.memory), 2*count)
		b.units = unsafe.Slice((**C.zcn_unit)(b.memory), count)
		b.datas = all[count:]
	}
	units, datas := b.units[:count], b.datas[:count]
	err := pool.with(func(p *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_unit_alloc_batch(&units[0], &datas[0], C.size_t(count), p, framing.pointer(),
			C.uint64_t(size))))
	})
	runtime.KeepAlive(framing)
	if err != nil {
		b.units, b.first = b.units[:0], 0
		return err
	}
	b.units, b.datas, b.first, b.size = units, datas, 0, size
	if b.leak == nil {
		b.leak = watch(b, "UnitBatch")
	} else {
		b.leak.owe()
	}
	return nil
}

// Len is how many units are left to send.
func (b *UnitBatch) Len() int { return len(b.units) - b.first }

// Bytes is the body of the i-th of those that are left, for writing.
func (b *UnitBatch) Bytes(i int) []byte {
	return bytesOf(b.datas[b.first+i], b.size)
}

// Release ends the units that were not sent, and the batch. A batch that was sent whole needs it too.
func (b *UnitBatch) Release() {
	if b.Len() > 0 {
		C.zcn_unit_release_batch(&b.units[b.first], C.size_t(b.Len()))
	}
	C.free(b.memory)
	b.memory, b.units, b.datas, b.first = nil, nil, nil, 0
	if b.leak != nil {
		b.leak.settle()
	}
}
