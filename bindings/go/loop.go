// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
// #include <fcntl.h>
import "C"

import (
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Loop drives connections, listeners, dialers and relays.
//
// It is used in one of two ways. With [StartLoop], or [Loop.Run] on a goroutine, it works in the background, and any
// goroutine calls Dial, Accept, Recv, Send. With [Loop.Events] the program takes the events itself, on one goroutine;
// that is the fastest way, and the one with no limits but those of the library.
//
// A loop that waits holds no thread: its descriptor lies with the runtime's network poller, as sockets do.
type Loop struct {
	mu   sync.Mutex // whoever holds it is the loop's owner in C
	c    *C.zcngo_loop
	file *os.File
	raw  syscall.RawConn
	fd   int                   // of file
	step func(fd uintptr) bool // for raw.Read

	conns     table[Conn]
	listeners table[Listener]
	dialers   table[Dialer]
	relays    table[Relay]
	pool      *Pool

	shown   holder // what messages in events are valid by
	driving atomic.Bool
	ending  atomic.Bool
	running atomic.Bool   // Run: connections have inboxes
	gone    chan struct{} // closed with the C loop
	err     error         // of the last Events
	leak    *leakMark

	// Under mu.
	calls      bool                  // polls may call functions of framings in Go
	left       []uintptr             // numbers of connections that have ended or moved away, until the array at hand is through
	departures []*departure          // who waits to move away, of a loop that works in the background
	rooms      map[uint64]chan error // who waits for memory, by token
	lastRoom   uint64

	closed    atomic.Int32 // connections closed since the last poll: what they have in the array is skipped
	woken     atomic.Bool  // by the program, not by the package itself
	ownThread bool

	// Of the goroutine that drives.
	status C.int32_t
	next   int       // the event of the array that is to be shown next
	armed  time.Time // the read deadline of file
	fresh  *Conn     // of the event that is being shown: accepted, or a dialer's, and new
}

// LoopOptions are the settings of a loop; zero values are the defaults.
type LoopOptions struct {
	Pool             *Pool // for received bytes and the loop's own sends; nil: the pool of the process
	EventCapacity    int   // events of one poll, 16 to 4096; 0: 1024
	NoHelper         bool  // no helper thread in C; only numeric addresses can be dialled then
	UnfinishedBlocks int   // blocks that unfinished messages may hold; 0: 64
	OwnThread        bool  // wait on a thread of its own instead of in the runtime's network poller
}

// NewLoop makes a loop. Nil options are the defaults.
func NewLoop(options *LoopOptions) (*Loop, error) {
	if options == nil {
		options = &LoopOptions{}
	}
	var o C.zcn_loop_options
	C.zcn_loop_options_init(&o, C.sizeof_zcn_loop_options)
	o.event_capacity = C.uint32_t(options.EventCapacity)
	o.unfinished_blocks = C.uint32_t(options.UnfinishedBlocks)
	if options.NoHelper {
		o.no_helper = 1
	}
	shared := (*C.zcngo_loop)(C.calloc(1, C.sizeof_zcngo_loop))
	if shared == nil {
		return nil, ErrNoMemory
	}
	var c *C.zcn_loop
	err := options.Pool.with(func(p *C.zcn_pool) error {
		o.pool = p
		var pinner runtime.Pinner
		defer pinner.Unpin()
		return statusError(C.int32_t(C.zcn_loop_create(&c, &o)))
	})
	if err != nil {
		C.free(unsafe.Pointer(shared))
		return nil, err
	}
	shared.loop = c
	l := &Loop{c: shared, pool: options.Pool, gone: make(chan struct{}), ownThread: options.OwnThread}
	l.shown.owner = &l.mu
	l.step = l.pollStep
	if err := l.join(); err != nil {
		C.zcn_loop_release(c)
		C.free(unsafe.Pointer(shared))
		return nil, err
	}
	l.leak = watch(l, "Loop")
	return l, nil
}

// join gives the loop's descriptor to the runtime's poller, which wants one of its own.
func (l *Loop) join() error {
	fd, err := fcntl(uintptr(C.zcn_loop_fd(l.c.loop)), syscall.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return &os.SyscallError{Syscall: "fcntl", Err: err}
	}
	// Nobody reads it, so this says no more than that it may be polled.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		_ = syscall.Close(int(fd))
		return &os.SyscallError{Syscall: "fcntl", Err: err}
	}
	l.fd = int(fd)
	l.file = os.NewFile(fd, "zcnet loop")
	if l.raw, err = l.file.SyscallConn(); err != nil {
		_ = l.file.Close()
	}
	return err
}

func fcntl(fd uintptr, command, argument int) (uintptr, error) {
	value, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, uintptr(command), uintptr(argument))
	if errno != 0 {
		return 0, errno
	}
	return value, nil
}

// StartLoop makes a loop that works in the background until it is closed.
func StartLoop(options *LoopOptions) (*Loop, error) {
	l, err := NewLoop(options)
	if err != nil {
		return nil, err
	}
	l.running.Store(true)
	l.driving.Store(true)
	go func() { _ = l.run(context.Background()) }()
	return l, nil
}

// defaultLoop serves the package's own Dial, Listen and Adopt. It lives as long as the process.
var defaultLoop = sync.OnceValues(func() (*Loop, error) { return StartLoop(nil) })

// with calls use as the loop's owner.
func (l *Loop) with(use func(c *C.zcngo_loop) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == nil {
		return ErrClosed
	}
	return use(l.c)
}

// Wake makes [Loop.Events] give an [EventWoken]. Any goroutine may call it; several calls may give one event.
func (l *Loop) Wake() error {
	l.woken.Store(true)
	return l.interrupt()
}

func (l *Loop) interrupt() error {
	return l.with(func(c *C.zcngo_loop) error { return statusError(C.int32_t(C.zcn_loop_wake(c.loop))) })
}

// SetTimer asks [Loop.Events] for an [EventTimer] with this token after the delay. Setting a token again moves it.
func (l *Loop) SetTimer(token uint64, delay time.Duration) error {
	return l.with(func(c *C.zcngo_loop) error {
		return statusError(C.int32_t(C.zcn_loop_timer_set(c.loop, C.uint64_t(token), C.int64_t(delay))))
	})
}

// CancelTimer takes a timer back; [ErrWouldBlock] where there is none.
func (l *Loop) CancelTimer(token uint64) error {
	return l.with(func(c *C.zcngo_loop) error {
		return statusError(C.int32_t(C.zcn_loop_timer_cancel(c.loop, C.uint64_t(token))))
	})
}

// Shutdown closes every connection, once what is queued on it is sent, and every listener, dialer and relay. The loop ends when the last
// of them has. With a loop that works in the background it waits for that until ctx is done, and then closes what is
// left; otherwise it returns at once, and [Loop.Events] goes on until the end.
func (l *Loop) Shutdown(ctx context.Context) error {
	err := l.with(func(c *C.zcngo_loop) error {
		C.zcngo_run_forwards(c)
		return statusError(C.int32_t(C.zcn_loop_close(c.loop)))
	})
	if err != nil || !l.running.Load() {
		return err
	}
	select {
	case <-l.gone:
		return nil
	case <-ctx.Done():
		_ = l.Close()
		return ctx.Err()
	}
}

// Close ends the loop: connections that are open are aborted. Where a goroutine drives it, that goroutine ends it as
// soon as its present turn is over. Messages that were cloned live on. Any goroutine may call it; a second call says
// [ErrClosed].
func (l *Loop) Close() error {
	if l.ending.Swap(true) {
		return ErrClosed
	}
	_ = l.interrupt()
	l.tryEnd()
	return nil
}

// tryEnd takes the loop down if that was asked for and nobody drives it.
func (l *Loop) tryEnd() {
	if !l.ending.Load() || !l.driving.CompareAndSwap(false, true) {
		return
	}
	l.end(ErrAborted)
}

// driven is what a loop drives, as its end sees it.
type driven interface {
	freeze()         // under the lock, while there is a C side
	ended(why error) // afterwards
}

func allOf[T any, P interface {
	*T
	driven
}](t *table[T]) []driven {
	var all []driven
	for _, object := range t.takeAll() {
		all = append(all, P(object))
	}
	return all
}

// end takes the loop down. The caller drives it, and goes on to the end of time.
func (l *Loop) end(why error) {
	l.ending.Store(true)
	l.shown.serial.Add(1)
	l.mu.Lock()
	c := l.c
	l.c = nil
	l.dropKept(c)
	l.forgetLeft()
	ended := append(allOf(&l.conns), allOf(&l.listeners)...)
	ended = append(append(ended, allOf(&l.dialers)...), allOf(&l.relays)...)
	for _, one := range ended {
		one.freeze()
	}
	l.leak.settle()
	l.mu.Unlock()
	_ = l.file.Close()
	C.zcn_loop_release(c.loop)
	C.free(unsafe.Pointer(c))
	close(l.gone)
	for _, one := range ended {
		one.ended(why)
	}
	pins.collect()
}

// Done is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.gone }

// conn is the connection with that user value.
func (l *Loop) conn(user uintptr) *Conn { return l.conns.at(user) }

func (l *Loop) listener(user uintptr) *Listener { return l.listeners.at(user) }

// lastError is why a call on the loop failed. The caller holds mu.
func (l *Loop) lastError(op string, status C.zcn_status) error {
	details := newDetails()
	C.zcn_loop_get_error(l.c.loop, &details)
	if Status(details.status) != Status(status) {
		return detailed(op, Status(status), nil)
	}
	return detailed(op, Status(status), &details)
}
