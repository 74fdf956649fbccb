// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Dial connects to an address with the package's own loop, which works in the background. See [Loop.Dial].
func Dial(ctx context.Context, address string, framing *Framing, options *ConnOptions) (*Conn, error) {
	l, err := defaultLoop()
	if err != nil {
		return nil, err
	}
	return l.Dial(ctx, address, framing, options)
}

// Adopt drives a connection that the program has with the package's own loop. See [Loop.Adopt].
func Adopt(conn net.Conn, framing *Framing, options *ConnOptions) (*Conn, error) {
	l, err := defaultLoop()
	if err != nil {
		return nil, err
	}
	return l.Adopt(conn, framing, options)
}

// Dial connects to an address, tcp://HOST:PORT, unix:///path, unix-abstract:NAME or fd:N, and waits until the
// connection stands. All addresses of a name are tried.
func (l *Loop) Dial(ctx context.Context, address string, framing *Framing, options *ConnOptions) (*Conn, error) {
	if !l.running.Load() {
		return nil, &Error{Op: "dial", Status: ErrUnsupported, Text: "the loop does not work in the background: use Connect"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := l.Connect(address, framing, options)
	if err != nil {
		return nil, err
	}
	select {
	case <-conn.opened:
		return conn, nil
	case <-conn.done:
		if err := conn.Err(); err != nil {
			return nil, err
		}
		return nil, ErrClosed
	case <-ctx.Done():
		_ = conn.Abort()
		return nil, ctx.Err()
	}
}

// Connect is [Loop.Dial] without waiting: [EventConnected] or [EventClosed] follows. Units may be sent at once; they
// leave when the connection stands.
func (l *Loop) Connect(address string, framing *Framing, options *ConnOptions) (*Conn, error) {
	ctext := C.CString(address)
	defer C.free(unsafe.Pointer(ctext))
	return l.enter("connect to "+address, framing, options, func(c *C.zcn_loop, out **C.zcn_conn, o *C.zcn_conn_options) C.zcn_status {
		return C.zcn_connect(out, c, ctext, framing.pointer(), o)
	})
}

// enter makes a connection by one of C's two ways.
func (l *Loop) enter(op string, framing *Framing, options *ConnOptions,
	start func(*C.zcn_loop, **C.zcn_conn, *C.zcn_conn_options) C.zcn_status) (conn *Conn, err error) {
	err = l.start(op, framing, options, func(c *C.zcn_loop, o *C.zcn_conn_options, in input) C.zcn_status {
		var cc *C.zcn_conn
		status := start(c, &cc, o)
		if status == C.ZCN_OK {
			conn = newConn(l, cc, in)
		}
		return status
	})
	return conn, err
}

// start has begin make something that receives, as the loop's owner: a connection, listener or dialer. The options that
// begin gets may be pointed to by what it gives to C.
func (l *Loop) start(op string, framing *Framing, options *ConnOptions,
	begin func(c *C.zcn_loop, o *C.zcn_conn_options, in input) C.zcn_status) error {
	var o C.zcn_conn_options
	if err := options.fill(&o); err != nil {
		return err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	pinner.Pin(&o)
	defer runtime.KeepAlive(options)
	return l.with(func(c *C.zcngo_loop) error {
		l.heed(framing)
		if status := begin(c.loop, &o, input{framing: framing, headers: o.header_from != 0}); status != C.ZCN_OK {
			return l.lastError(op, status)
		}
		return nil
	})
}

// Adopt drives the socket of a [net.TCPConn], [net.UnixConn] or another connection that shows its descriptor, and
// closes conn itself when that has succeeded: the socket lives on here. Nothing may have been read ahead from conn. For
// what has no descriptor of its own, such as TLS, there is [NewStream].
func (l *Loop) Adopt(conn net.Conn, framing *Framing, options *ConnOptions) (*Conn, error) {
	fd, err := dupOf(conn)
	if err != nil {
		return nil, err
	}
	adopted, err := l.enter("adopt", framing, options, func(c *C.zcn_loop, out **C.zcn_conn, o *C.zcn_conn_options) C.zcn_status {
		return C.zcn_conn_adopt(out, c, C.int(fd), framing.pointer(), o)
	})
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	_ = conn.Close()
	return adopted, nil
}

// dupOf is a descriptor of our own for what the program has: its own one stays with the runtime's poller until it is
// closed there.
func dupOf(of any) (int, error) {
	shower, ok := of.(syscall.Conn)
	if !ok {
		return 0, &Error{Op: "adopt", Status: ErrUnsupported, Text: "there is no descriptor: use a Stream"}
	}
	raw, err := shower.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd uintptr
	var dupErr error
	if err := raw.Control(func(theirs uintptr) { fd, dupErr = fcntl(theirs, syscall.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return 0, err
	}
	if dupErr != nil {
		return 0, &os.SyscallError{Syscall: "fcntl", Err: dupErr}
	}
	return int(fd), nil
}

// NetConn gives the socket back as a [net.Conn], and ends the connection here. What was received and not given to the
// program is rest, which the caller has to release unless it is zero. It fails with [ErrBusy] while something is
// queued. It is for [Loop.Events]: a loop that works in the background reads ahead into messages.
func (c *Conn) NetConn() (conn net.Conn, rest Message, err error) {
	var fd C.int
	var msg *C.zcn_msg
	var data unsafe.Pointer
	var size C.uint64_t
	err = c.with(func(cc *C.zcn_conn) error {
		status := C.zcn_conn_take_fd(cc, &fd, &msg)
		if status == C.ZCN_OK && msg != nil {
			data, size = C.zcn_msg_data(msg), C.zcn_msg_size(msg)
		}
		return statusError(C.int32_t(status))
	})
	if err != nil {
		return nil, Message{}, err
	}
	c.closing.Store(true)
	c.loop.Load().closed.Add(1)
	if msg != nil {
		rest = ownMessage(uintptr(unsafe.Pointer(msg)), data, int(size))
	}
	file := os.NewFile(uintptr(fd), "zcnet connection")
	defer file.Close()
	conn, err = net.FileConn(file)
	return conn, rest, err
}
