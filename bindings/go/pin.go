// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// pins holds what C may read after a call has returned, by number.
var pins = pinTable{pinned: map[uint64]*pin{}}

type pin struct {
	pinner runtime.Pinner
	done   func()
}

type pinTable struct {
	mu     sync.Mutex
	last   uint64
	pinned map[uint64]*pin
	live   atomic.Int64 // of pinned, for those who only want to know whether there are any
}

func (t *pinTable) add(p []byte, done func()) uint64 {
	entry := &pin{done: done}
	entry.pinner.Pin(unsafe.SliceData(p))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.pinned[t.last] = entry
	t.live.Add(1)
	return t.last
}

// drop unpins without a word.
func (t *pinTable) drop(number uint64) func() {
	t.mu.Lock()
	entry := t.pinned[number]
	delete(t.pinned, number)
	t.mu.Unlock()
	if entry == nil {
		return nil
	}
	t.live.Add(-1)
	entry.pinner.Unpin()
	return entry.done
}

// due tells whether the library has let go of something. A poll may do that without an event.
func (t *pinTable) due() bool { return t.live.Load() != 0 && C.zcngo_any_unpinned() != 0 }

// collect unpins what the library has let go of. Not under a lock that done may want.
func (t *pinTable) collect() {
	for t.due() {
		var numbers [64]C.uint64_t
		count := C.zcngo_take_unpinned(&numbers[0], C.size_t(len(numbers)))
		t.give(numbers[:count])
	}
}

// give unpins all of them, and calls their functions in order; one that panics does not keep the others from it.
func (t *pinTable) give(numbers []C.uint64_t) {
	for i := len(numbers) - 1; i >= 0; i-- {
		if done := t.drop(uint64(numbers[i])); done != nil {
			defer done()
		}
	}
}
