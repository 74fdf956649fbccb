// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Status is what a call of the library says, as an error. It compares by value, and [errors.Is] also finds the
// errors of the standard library that mean the same, such as [net.ErrClosed] and [os.ErrDeadlineExceeded].
type Status int32

// Everything that the library can say. The first three are not failures.
const (
	statusOK Status = C.ZCN_OK

	ErrWouldBlock Status = C.ZCN_AGAIN // nothing to do now: a queue is above its high-water mark, or nothing is ready
	ErrEOF        Status = C.ZCN_EOF   // the peer ended the stream in order; is io.EOF

	ErrInvalid     Status = C.ZCN_EINVAL       // an argument is out of range
	ErrNoMemory    Status = C.ZCN_ENOMEM       // the system has no memory
	ErrLimit       Status = C.ZCN_ENOBUFS      // a limit that the program set is reached
	ErrOption      Status = C.ZCN_EOPTION      // an option is not known to the library that runs
	ErrBusy        Status = C.ZCN_EBUSY        // calls overlap that must not, or the object is in use
	ErrStale       Status = C.ZCN_ESTALE       // released already, or its borrow has ended
	ErrForked      Status = C.ZCN_EFORKED      // the handle belongs to the parent process
	ErrUnsupported Status = C.ZCN_EUNSUPPORTED // this transport, kernel or build cannot do that
	ErrInternal    Status = C.ZCN_EINTERNAL    // a fault of the library

	ErrFrameTooLarge  Status = C.ZCN_EFRAME_TOO_LARGE // a frame is longer than the framing's maximum
	ErrFrameUnderflow Status = C.ZCN_EFRAME_UNDERFLOW // a length makes the frame shorter than its header
	ErrFrameVarint    Status = C.ZCN_EFRAME_VARINT    // a varint is longer than allowed
	ErrFrameStrip     Status = C.ZCN_EFRAME_STRIP     // more bytes are to be stripped than the frame has
	ErrFrameTruncated Status = C.ZCN_EFRAME_TRUNCATED // the stream ended inside a frame; is io.ErrUnexpectedEOF
	ErrFrameSize      Status = C.ZCN_EFRAME_SIZE      // the body does not have the size that the framing asks for
	ErrFrameValue     Status = C.ZCN_EFRAME_VALUE     // the length does not fit the length field
	ErrFrameDelimiter Status = C.ZCN_EFRAME_DELIMITER // the body contains the delimiter
	ErrFrameMeasure   Status = C.ZCN_EFRAME_MEASURE   // a custom measuring function refused the bytes

	ErrClosed      Status = C.ZCN_ECLOSED      // the connection, listener, stream or loop is closed; is net.ErrClosed
	ErrTimedOut    Status = C.ZCN_ETIMEDOUT    // a deadline passed; is os.ErrDeadlineExceeded
	ErrSystem      Status = C.ZCN_ESYS         // a system call failed; an *Error holds its errno
	ErrReset       Status = C.ZCN_ERESET       // the peer reset the connection; is syscall.ECONNRESET
	ErrAddress     Status = C.ZCN_EADDRESS     // the address text is wrong
	ErrRefused     Status = C.ZCN_EREFUSED     // nobody listens at the address; is syscall.ECONNREFUSED
	ErrUnreachable Status = C.ZCN_EUNREACHABLE // no way leads to the address; is syscall.EHOSTUNREACH
	ErrInUse       Status = C.ZCN_EINUSE       // the address is in use; is syscall.EADDRINUSE
	ErrResolve     Status = C.ZCN_ERESOLVE     // the name has no address
	ErrPermission  Status = C.ZCN_EACCESS      // permission denied; is os.ErrPermission
	ErrTruncated   Status = C.ZCN_ETRUNCATED   // a file shrank while it was sent
	ErrAborted     Status = C.ZCN_EABORTED     // the program aborted the connection; is net.ErrClosed
	ErrDropped     Status = C.ZCN_EDROPPED     // dropped before it was sent, since the receiver lags behind
	ErrLagged      Status = C.ZCN_ELAGGED      // the receiver lags behind, and is disconnected for it
	ErrNotFound    Status = C.ZCN_ENOTFOUND    // there is no such file; is os.ErrNotExist
	ErrNoSpace     Status = C.ZCN_ENOSPACE     // the disk or a limit has no room for more of the file; is syscall.ENOSPC
)

// Error says what the status means.
func (s Status) Error() string { return "zcnet: " + C.GoString(C.zcn_status_text(C.zcn_status(s))) }

// Name is the name of the status in C, such as "ZCN_ECLOSED".
func (s Status) Name() string { return C.GoString(C.zcn_status_name(C.zcn_status(s))) }

// Timeout tells whether a deadline passed, as [net.Error] has it.
func (s Status) Timeout() bool { return s == ErrTimedOut }

// Temporary tells whether the same call may succeed later.
func (s Status) Temporary() bool { return s == ErrWouldBlock || s == ErrTimedOut || s == ErrLimit }

// Is relates statuses to the errors of the standard library.
func (s Status) Is(target error) bool {
	switch s {
	case ErrEOF:
		return target == io.EOF
	case ErrFrameTruncated:
		return target == io.ErrUnexpectedEOF
	case ErrClosed, ErrAborted:
		return target == net.ErrClosed
	case ErrTimedOut:
		return target == os.ErrDeadlineExceeded || target == syscall.ETIMEDOUT
	case ErrWouldBlock:
		return target == syscall.EAGAIN
	case ErrReset:
		return target == syscall.ECONNRESET
	case ErrRefused:
		return target == syscall.ECONNREFUSED
	case ErrUnreachable:
		return target == syscall.EHOSTUNREACH || target == syscall.ENETUNREACH
	case ErrInUse:
		return target == syscall.EADDRINUSE
	case ErrPermission:
		return target == os.ErrPermission || target == syscall.EACCES
	case ErrNotFound:
		return target == os.ErrNotExist || target == syscall.ENOENT
	case ErrNoSpace:
		return target == syscall.ENOSPC
	case ErrNoMemory:
		return target == syscall.ENOMEM
	case ErrInvalid:
		return target == os.ErrInvalid || target == syscall.EINVAL
	case ErrUnsupported:
		return target == errors.ErrUnsupported
	}
	return false
}

// Error is a status with its details.
type Error struct {
	Op     string        // what was tried, such as "listen"
	Status Status        // what the library said
	Errno  syscall.Errno // of the system call behind it, or 0
	Text   string        // one sentence, or empty
	cause  error         // of the program's own, or nil
}

// Error says what was tried, and what went wrong.
func (e *Error) Error() string {
	if e.Text == "" {
		return "zcnet: " + e.Op + ": " + C.GoString(C.zcn_status_text(C.zcn_status(e.Status)))
	}
	return "zcnet: " + e.Op + ": " + e.Text
}

// Unwrap gives the status, the errno, and what a function of the program said ([NewFraming]).
func (e *Error) Unwrap() []error {
	all := []error{e.Status}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.cause != nil {
		all = append(all, e.cause)
	}
	return all
}

// Timeout tells whether a deadline passed, as [net.Error] has it.
func (e *Error) Timeout() bool { return e.Status.Timeout() }

// Temporary tells whether the same call may succeed later.
func (e *Error) Temporary() bool { return e.Status.Temporary() }

var _ net.Error = (*Error)(nil)
var _ net.Error = Status(0)

func statusError(status C.int32_t) error {
	if status == C.ZCN_OK {
		return nil
	}
	return Status(status)
}

// detailed is for the places that have a zcn_error.
func detailed(op string, status Status, details *C.zcn_error) error {
	err := &Error{Op: op, Status: status}
	if details != nil {
		err.Errno = syscall.Errno(details.sys_errno)
		err.Text = C.GoString(&details.text[0])
	}
	return err
}

func newDetails() C.zcn_error {
	var details C.zcn_error
	details.struct_size = C.sizeof_zcn_error
	return details
}
