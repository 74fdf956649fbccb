// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import "context"

// The tokens of the package's own waits have this bit, so that no program's token is taken for one.
const ownRoom = 1 << 63

// Wait waits until a pool that is at its limit has room again: what a program does whose call said [ErrLimit], and that
// wants to go on when it can. Size is of the unit's body or of the part that it wants next; 0: any. It is no promise: others
// may take the room first, so try again and wait again. A pool without a limit has room always. It fails with [ErrInvalid]
// where the pool could not hold that much if nothing else were in use.
//
//	for {
//		unit, err = zcnet.NewUnit(pool, framing, size)
//		if err != zcnet.ErrLimit {
//			break
//		}
//		if err = pool.Wait(ctx, size); err != nil {
//			break
//		}
//	}
//
// The package's own loop looks after the pool meanwhile, which must not be driven by who waits.
func (p *Pool) Wait(ctx context.Context, size int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := defaultLoop()
	if err != nil {
		return err
	}
	token, ready, err := l.awaitRoom(p, size)
	if err != nil {
		return err
	}
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		l.forgetRoom(token)
		return ctx.Err()
	case <-l.gone:
		return ErrClosed
	}
}

func (l *Loop) awaitRoom(p *Pool, size int) (token uint64, ready chan error, err error) {
	ready = make(chan error, 1)
	l.mu.Lock()
	if l.rooms == nil {
		l.rooms = map[uint64]chan error{}
	}
	l.lastRoom++
	token = ownRoom | l.lastRoom
	l.rooms[token] = ready
	l.mu.Unlock()
	if err = l.watchMemory(p, size, token); err != nil {
		l.forgetRoom(token)
	}
	return token, ready, err
}

func (l *Loop) forgetRoom(token uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.rooms, token)
}

// WatchMemory asks [Loop.Events] for one [EventPoolReady] with this token when a pool that is at its limit has room again,
// which may be at once. See [Pool.Wait]. Several waits may have one token, which is below 1 << 63.
func (l *Loop) WatchMemory(pool *Pool, size int, token uint64) error {
	if token&ownRoom != 0 {
		return ErrInvalid
	}
	return l.watchMemory(pool, size, token)
}

func (l *Loop) watchMemory(pool *Pool, size int, token uint64) error {
	if size < 0 {
		return ErrInvalid
	}
	return pool.withReal(func(p *C.zcn_pool) error {
		return l.with(func(c *C.zcngo_loop) error {
			return statusError(C.int32_t(C.zcn_loop_await_memory(c.loop, p, C.uint64_t(size), C.uint64_t(token))))
		})
	})
}

// roomFound tells who waits in Wait; false: the event is the program's.
func (l *Loop) roomFound(token uint64, status Status) bool {
	if token&ownRoom == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ready := l.rooms[token]; ready != nil { // else the waiting has ended
		delete(l.rooms, token)
		ready <- status.orNil()
	}
	return true
}
