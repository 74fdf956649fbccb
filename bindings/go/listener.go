// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"context"
	"net"
	"unsafe"
)

// Listener accepts connections.
type Listener struct {
	arrivals
	loop  *Loop
	input input // of its connections
	addr  Addr

	// Under the lock of the loop.
	c      *C.zcn_listener // nil once it has ended
	number uintptr
	stats  ListenerStats
}

// ListenOptions are the settings of a listener; zero values are the defaults.
type ListenOptions struct {
	Conn           *ConnOptions // for accepted connections
	Backlog        int          // 0: 1024
	ReusePort      bool         // SO_REUSEPORT, for one listener a core on the same port
	MaxConnections int          // accepted ones open at a time; 0: no limit
	AcceptsPerPoll int          // 0: 64
	V6Only         bool         // an IPv6 address does not take IPv4 too
	UnixMode       uint32       // permissions of the socket file, such as 0600; 0: by umask
	KeepPath       bool         // the socket file is not removed
}

// ListenerStats are the counters of a listener.
type ListenerStats struct {
	Accepted uint64 // so far
	Open     uint64 // gauge: accepted and not yet closed
	Limited  uint64 // times that accepting paused
	Dropped  uint64 // connections closed at once because descriptors ran out
	Failed   uint64 // connections that ended before they were accepted
}

// Listen listens on an address with the package's own loop, which works in the background. See [Loop.Listen].
func Listen(address string, framing *Framing, options *ListenOptions) (*Listener, error) {
	l, err := defaultLoop()
	if err != nil {
		return nil, err
	}
	return l.Listen(address, framing, options)
}

// Listen listens on an address: tcp://HOST:PORT (HOST also * for all; port 0 takes a free one), unix:///path,
// unix-abstract:NAME, or fd:N. Connections come by [Listener.Accept], or as [EventAccepted] where the program takes the
// events. A host name is looked up at once, and may block.
func (l *Loop) Listen(address string, framing *Framing, options *ListenOptions) (*Listener, error) {
	if options == nil {
		options = &ListenOptions{}
	}
	var o C.zcn_listen_options
	C.zcn_listen_options_init(&o, C.sizeof_zcn_listen_options)
	var err error
	o.backlog = in32(&err, options.Backlog)
	o.max_connections = in32(&err, options.MaxConnections)
	o.accepts_per_poll = in32(&err, options.AcceptsPerPoll)
	o.reuse_port, o.v6_only, o.keep_path = bit(options.ReusePort), bit(options.V6Only), bit(options.KeepPath)
	o.unix_mode = C.uint32_t(options.UnixMode)
	if err != nil {
		return nil, err
	}
	return l.listen(address, framing, options.Conn, func(out **C.zcn_listener, c *C.zcn_loop, text *C.char, conn *C.zcn_conn_options) C.zcn_status {
		o.conn = conn
		return C.zcn_listen(out, c, text, framing.pointer(), &o)
	})
}

// ListenStat tells the counters of the package's own loop. See [Loop.ListenStat].
func ListenStat(address string) (*Listener, error) {
	l, err := defaultLoop()
	if err != nil {
		return nil, err
	}
	return l.ListenStat(address)
}

// ListenStat tells the loop's counters, those of its pool, and the connections that hold most bytes, to whoever connects
// to a Unix socket: unix:///path, which is for the user of this process alone, or unix-abstract:NAME, which is for whoever
// is on this machine. The command zcnet stat ADDRESS shows them, in the format of Prometheus too; to others they are lines
// of text up to "end". The listener gives no connections to the program: of it there is Addr, and Close.
func (l *Loop) ListenStat(address string) (*Listener, error) {
	return l.listen(address, nil, nil, func(out **C.zcn_listener, c *C.zcn_loop, text *C.char, _ *C.zcn_conn_options) C.zcn_status {
		return C.zcn_listen_stat(out, c, text)
	})
}

// listen makes a listener by one of C's two ways.
func (l *Loop) listen(address string, framing *Framing, options *ConnOptions,
	start func(**C.zcn_listener, *C.zcn_loop, *C.char, *C.zcn_conn_options) C.zcn_status) (*Listener, error) {
	ctext := C.CString(address)
	defer C.free(unsafe.Pointer(ctext))
	listener := &Listener{loop: l, arrivals: newArrivals()}
	err := l.start("listen on "+address, framing, options, func(c *C.zcn_loop, conn *C.zcn_conn_options, in input) C.zcn_status {
		var cc *C.zcn_listener
		if status := start(&cc, c, ctext, conn); status != C.ZCN_OK {
			return status
		}
		listener.c, listener.input = cc, in
		listener.number = l.listeners.add(listener)
		C.zcn_listener_set_user(listener.c, C.uintptr_t(listener.number))
		var text [512]C.char
		C.zcn_listener_address(listener.c, &text[0], C.size_t(len(text)))
		listener.addr = Addr(C.GoString(&text[0]))
		return C.ZCN_OK
	})
	if err != nil {
		return nil, err
	}
	return listener, nil
}

// Accept waits for the next connection. The error is [ErrClosed] when the listener was closed.
func (n *Listener) Accept(ctx context.Context) (*Conn, error) { return n.take(ctx) }

// Addr is the bound address, with the port that was taken where 0 was asked for.
func (n *Listener) Addr() net.Addr { return n.addr }

// Close stops listening. Connections that were taken by Accept live on, those that were not are aborted. A second call
// says [ErrClosed].
func (n *Listener) Close() error {
	if n.closing.Swap(true) {
		return ErrClosed
	}
	n.loop.mu.Lock()
	var err error
	if n.c != nil {
		err = statusError(C.int32_t(C.zcn_listener_close(n.c)))
	}
	n.loop.mu.Unlock()
	n.drop()
	return err
}

// Stats reads the listener's counters, also after its end.
func (n *Listener) Stats() ListenerStats {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	return n.read()
}

func (n *Listener) read() ListenerStats {
	if n.c != nil {
		var s C.zcn_listener_stats
		s.struct_size = C.sizeof_zcn_listener_stats
		C.zcn_listener_get_stats(n.c, &s)
		n.stats = ListenerStats{Accepted: uint64(s.accepted), Open: uint64(s.open), Limited: uint64(s.limited),
			Dropped: uint64(s.dropped), Failed: uint64(s.failed)}
	}
	return n.stats
}

// freeze ends the reference in C. The caller holds the loop's lock.
func (n *Listener) freeze() {
	n.read()
	C.zcn_listener_release(n.c)
	n.c = nil
}
