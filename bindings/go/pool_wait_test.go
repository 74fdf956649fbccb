// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

const roomFor = 100 << 10 // what the tests ask for: more than half a block, so that each has memory of its own

// full is a pool that has no room for one more of the units in it.
func full(t *testing.T) (pool *zcnet.Pool, units []*zcnet.Unit) {
	t.Helper()
	pool = must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 64 << 10, Limit: 4 << 20}))
	for {
		u, err := zcnet.NewUnit(pool, nil, roomFor)
		if err == zcnet.ErrLimit {
			break
		}
		check(t, err)
		units = append(units, u)
	}
	t.Cleanup(func() {
		for _, u := range units {
			if u != nil {
				_ = u.Release()
			}
		}
		check(t, pool.Close())
	})
	return pool, units
}

// free makes room, and keeps full's end from doing that again.
func free(t *testing.T, units []*zcnet.Unit) {
	t.Helper()
	for i := range units[:len(units)/2] {
		check(t, units[i].Release())
		units[i] = nil
	}
}

func TestWaitingForMemory(t *testing.T) {
	ctx := limited(t)
	pool, units := full(t)
	ready := make(chan error, 2)
	for range cap(ready) {
		go func() { ready <- pool.Wait(ctx, roomFor) }()
	}
	select {
	case err := <-ready:
		t.Fatalf("there is room in a full pool: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	hurried, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if err := pool.Wait(hurried, roomFor); err != context.DeadlineExceeded {
		t.Error(err)
	}
	if err := pool.Wait(hurried, roomFor); err != context.DeadlineExceeded { // before it begins
		t.Error(err)
	}
	free(t, units)
	for range cap(ready) {
		check(t, <-ready)
	}
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, roomFor))
	check(t, u.Release())
	check(t, pool.Wait(ctx, roomFor)) // at once
	if stats := must[zcnet.PoolStats](t)(pool.Stats()); stats.Waits == 0 {
		t.Errorf("%+v", stats)
	}
	for _, never := range []int{-1, 1 << 30} {
		if err := pool.Wait(ctx, never); err != zcnet.ErrInvalid {
			t.Errorf("%d: %v", never, err)
		}
	}
	var process *zcnet.Pool
	check(t, process.Wait(ctx, roomFor)) // has no limit
	closed := must[*zcnet.Pool](t)(zcnet.NewPool(nil))
	check(t, closed.Close())
	if err := closed.Wait(ctx, 0); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A stream with large messages raises what the pool keeps for those that have begun: what found room beside less cannot any
// more, whatever comes back.
func TestWaitingInVain(t *testing.T) {
	pool, _ := full(t)
	ready := make(chan error, 1)
	go func() { ready <- pool.Wait(limited(t), 3<<20) }()
	for must[zcnet.PoolStats](t)(pool.Stats()).Waits == 0 {
		time.Sleep(time.Millisecond)
	}
	framing := must[*zcnet.Framing](t)(zcnet.ParseFraming("length,max=2M"))
	stream := must[*zcnet.Stream](t)(zcnet.NewStream(new(bytes.Buffer), framing, &zcnet.StreamOptions{Pool: pool}))
	if err := <-ready; err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, stream.Close())
}

func TestEventsAndMemory(t *testing.T) {
	pool, units := full(t)
	loop := must[*zcnet.Loop](t)(zcnet.NewLoop(nil))
	if err := loop.WatchMemory(pool, 0, 1<<63); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, loop.WatchMemory(pool, roomFor, 7))
	check(t, loop.SetTimer(1, 5*time.Millisecond))
	var seen []zcnet.EventType
	for event := range loop.Events(limited(t)) {
		seen = append(seen, event.Type())
		if event.Type() == zcnet.EventPoolReady {
			if event.Token() != 7 || event.Conn() != nil {
				t.Errorf("token %d", event.Token())
			}
			break
		}
		free(t, units)
	}
	if len(seen) != 2 || seen[0] != zcnet.EventTimer {
		t.Error(seen)
	}
	check(t, loop.Close())
	<-loop.Done()
	if err := loop.WatchMemory(pool, 0, 1); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
