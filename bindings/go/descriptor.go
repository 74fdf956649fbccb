// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

// Control calls f with the connection's descriptor, for socket options of which this package knows nothing. The descriptor
// is valid for the call, and stays the connection's: it must not be read from, written to or closed. The error is
// [ErrClosed] when there is none any more.
func (c *Conn) Control(f func(fd uintptr)) error {
	return c.with(func(cc *C.zcn_conn) error { return control(C.zcn_conn_fd(cc), f) })
}

// Control calls f with the listener's descriptor, as [Conn.Control] does.
func (n *Listener) Control(f func(fd uintptr)) error {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	if n.c == nil {
		return ErrClosed
	}
	return control(C.zcn_listener_fd(n.c), f)
}

func control(fd C.int, f func(fd uintptr)) error {
	if fd < 0 {
		return ErrClosed
	}
	f(uintptr(fd))
	return nil
}
