// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #cgo noescape zcn_framing_overhead
// #cgo nocallback zcn_framing_overhead
import "C"

import (
	"runtime"
	"unsafe"
)

// Framing says where messages begin and end: by a text ([ParseFraming]), or by a function of the program ([NewFraming]).
// It is immutable, may be shared by any number of connections and goroutines, and needs no release: it goes with its last
// user.
type Framing struct {
	c        *C.zcn_framing
	function *framingFunc // of NewFraming; else nil
}

// ParseFraming makes a framing from its text:
//
//	length,offset=0,width=4,order=big,adjust=0,strip=4,max=16M    a length field of 1, 2, 3, 4 or 8 bytes, then the body
//	varint,offset=0,adjust=0,max_varint=10,strip=0,max=16M        a base-128 length, then the body
//	delimiter=\r\n,strip=2,max=64K                                everything up to the delimiter
//	fixed=188                                                     that many bytes
//	raw                                                           what arrives is what is delivered
//
// strip bytes are hidden from [Message.Bytes] but stay in [Message.Frame]; max bounds the whole frame. The error says
// which key is wrong.
func ParseFraming(text string) (*Framing, error) {
	ctext := C.CString(text)
	defer C.free(unsafe.Pointer(ctext))
	var c *C.zcn_framing
	details := newDetails()
	if status := C.zcn_framing_parse(&c, ctext, &details); status != C.ZCN_OK {
		return nil, detailed("framing", Status(status), &details)
	}
	return newFraming(c), nil
}

// MustParseFraming is [ParseFraming] for texts that are part of the program; it panics when they are wrong.
func MustParseFraming(text string) *Framing {
	framing, err := ParseFraming(text)
	if err != nil {
		panic(err)
	}
	return framing
}

func newFraming(c *C.zcn_framing) *Framing {
	framing := &Framing{c: c}
	// Connections keep references of their own, and a framing is no more than its few words: this hides no leak.
	runtime.AddCleanup(framing, func(c *C.zcn_framing) { C.zcn_framing_release(c) }, c)
	return framing
}

func (f *Framing) pointer() *C.zcn_framing {
	if f == nil {
		return nil
	}
	return f.c
}

// String is the complete text of the framing; equal framings have equal texts.
func (f *Framing) String() string {
	defer runtime.KeepAlive(f)
	var size C.size_t
	C.zcn_framing_text(f.pointer(), nil, 0, &size)
	if size == 0 {
		return ""
	}
	buffer := make([]byte, size+1)
	C.zcn_framing_text(f.c, (*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer)), nil)
	return string(buffer[:size])
}

// Overhead is how many bytes stand before and behind a body of that size on the wire.
func (f *Framing) Overhead(body int) (head, tail int, err error) {
	defer runtime.KeepAlive(f)
	var h, t C.uint64_t
	status := C.zcn_framing_overhead(f.pointer(), C.uint64_t(body), &h, &t)
	return int(h), int(t), statusError(C.int32_t(status))
}

// Measure finds the frame at the start of data: how long it is, and how many bytes of it are hidden at its start and
// end. The error is [ErrWouldBlock] when more bytes are needed to tell.
func (f *Framing) Measure(data []byte) (frame, head, tail int, err error) {
	defer runtime.KeepAlive(f)
	var size, h, t C.uint64_t
	status := C.zcngo_framing_measure_calling(f.pointer(), unsafe.Pointer(unsafe.SliceData(data)), C.uint64_t(len(data)), &size, &h, &t)
	return int(size), int(h), int(t), statusError(status)
}
