// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"sync/atomic"
	"unsafe"
)

// A MeasureFunc finds the frame at the start of data, which is never empty, and valid during the call only. It gives the
// size of the whole frame as soon as it can be told, which may be more than there is of it; 0 while it cannot; an error
// where the bytes are wrong.
//
// It must say the same whenever it sees the same bytes, and a size stands when more of them are there: another answer ends
// the connection. It is called by whichever goroutine drives a loop, by several at once where several loops do, and while
// the loop is locked: it must not use connections, loops or framings of this package, and must not call
// [runtime.Goexit].
type MeasureFunc func(data []byte) (size int, err error)

// FramingOptions are the settings of a framing of [NewFraming]; zero values are the defaults.
type FramingOptions struct {
	Max   int // most bytes of a whole frame; 0: 16 MiB
	Strip int // bytes hidden at the start of each frame
}

// NewFraming makes a framing whose frames a function of the program measures, where none of [ParseFraming] fits. What is
// sent with it is sent as it is: a body is a whole frame.
//
// It costs a call from C into Go for each frame that arrives, and for each look at one that is not complete: of the order
// of a hundred nanoseconds, where the framings of ParseFraming need a few; BenchmarkFramingFunc measures it. Bytes are not
// copied for it. So it is for messages that are large or rare, or for protocols that leave no choice.
//
// An error of measure, and a panic in it, ends the connection or stream: [Conn.Err], or what [Stream.Recv] says, is then
// [ErrFrameMeasure] and wraps what the function said last, be it on this connection or on another one of this framing.
func NewFraming(measure MeasureFunc, options *FramingOptions) (*Framing, error) {
	if options == nil {
		options = &FramingOptions{}
	}
	if measure == nil || options.Max < 0 || options.Strip < 0 {
		return nil, ErrInvalid
	}
	function := &framingFunc{measure: measure}
	number := cgo.NewHandle(function)
	var c *C.zcn_framing
	details := newDetails()
	status := C.zcngo_framing_of_function(&c, C.uintptr_t(number), C.uint64_t(options.Max), C.uint64_t(options.Strip), &details)
	if status != C.ZCN_OK {
		number.Delete()
		return nil, detailed("framing", Status(status), &details)
	}
	framing := newFraming(c)
	framing.function = function
	// Who receives with the framing holds it: when nobody does any more, nobody calls.
	runtime.AddCleanup(framing, cgo.Handle.Delete, number)
	return framing, nil
}

// framingFunc is a function of the program, and why it refused bytes the last time.
type framingFunc struct {
	measure MeasureFunc
	failure atomic.Pointer[error]
}

// zcngoMeasure is what the library calls. Nothing that goes wrong in Go may leave it but as a status.
//
//export zcngoMeasure
func zcngoMeasure(number C.uintptr_t, data unsafe.Pointer, size C.uint64_t, frame *C.uint64_t) (status C.int32_t) {
	status = C.ZCN_EFRAME_MEASURE
	var function *framingFunc
	defer func() {
		if r := recover(); r != nil && function != nil {
			function.fail(panicError(r))
		}
	}()
	function = cgo.Handle(number).Value().(*framingFunc)
	n, err := function.measure(bytesOf(data, int(size)))
	switch {
	case err != nil:
		function.fail(err)
	case n < 0:
		function.fail(errors.New("a frame has a negative size"))
	case n == 0:
		status = C.ZCN_AGAIN
	default:
		*frame = C.uint64_t(n)
		status = C.ZCN_OK
	}
	return status
}

func panicError(r any) error {
	if err, ok := r.(error); ok {
		return fmt.Errorf("the framing's function panicked: %w", err)
	}
	return fmt.Errorf("the framing's function panicked: %v", r)
}

func (f *framingFunc) fail(err error) { f.failure.Store(&err) }

// explain adds to the error of a connection what the function of its framing said.
func (f *Framing) explain(err *Error) {
	if f == nil || f.function == nil || err.Status != ErrFrameMeasure {
		return
	}
	if cause := f.function.failure.Load(); cause != nil {
		err.cause = *cause
		err.Text = (*cause).Error()
	}
}

// calls tells whether receiving with the framing calls a function in Go.
func (f *Framing) calls() bool { return f != nil && f.function != nil }

// heed lets polls call the functions of the framings, if they have any. The caller holds mu.
func (l *Loop) heed(framings ...*Framing) {
	for _, framing := range framings {
		l.calls = l.calls || framing.calls()
	}
}
