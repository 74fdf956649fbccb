// SPDX-License-Identifier: MIT

package zcnet

import (
	"context"
	"sync"
	"sync/atomic"
)

// arrivals is a queue of connections that stand, between the loop that works in the background and who takes them.
type arrivals struct {
	closing atomic.Bool

	mu    sync.Mutex
	queue []*Conn
	ready chan struct{}
	done  chan struct{}
	err   atomic.Pointer[error]
}

func newArrivals() arrivals {
	return arrivals{ready: make(chan struct{}, 1), done: make(chan struct{})}
}

// take waits for the next connection. The error is the one that ended it, or [ErrClosed].
func (a *arrivals) take(ctx context.Context) (*Conn, error) {
	for {
		a.mu.Lock()
		if len(a.queue) > 0 {
			conn := a.queue[0]
			a.queue[0] = nil
			if a.queue = a.queue[1:]; len(a.queue) > 0 {
				a.signal()
			}
			a.mu.Unlock()
			return conn, nil
		}
		a.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-a.ready:
		case <-ctx.Done():
		case <-a.done:
			if err := a.err.Load(); err != nil {
				return nil, *err
			}
			return nil, ErrClosed
		}
	}
}

func (a *arrivals) signal() {
	select {
	case a.ready <- struct{}{}:
	default:
	}
}

// deliver queues a connection.
func (a *arrivals) deliver(conn *Conn) {
	a.mu.Lock()
	taken := !a.closing.Load()
	if taken {
		a.queue = append(a.queue, conn)
	}
	a.mu.Unlock()
	if !taken {
		_ = conn.Abort() // drop has looked through the queue already, or will find nothing there
		return
	}
	a.signal()
}

// drop aborts the connections that nobody took. The caller has set closing.
func (a *arrivals) drop() {
	a.mu.Lock()
	rest := a.queue
	a.queue = nil
	a.mu.Unlock()
	for _, conn := range rest {
		_ = conn.Abort()
	}
}

// Done is closed when it has ended, and gives no more connections.
func (a *arrivals) Done() <-chan struct{} { return a.done }

func (a *arrivals) ended(why error) {
	if why != nil {
		a.err.Store(&why)
	}
	close(a.done)
}
