// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// A PoolSource is where the memory of a pool comes from (PoolOptions.Source), instead of the system: huge pages, a mapping
// that others share, memory of a device. It is asked not for each message, but for slabs of many blocks (of 2 MiB, or 8
// blocks where that is more), and for messages that are larger than half a block.
//
// Its functions are called by one goroutine, one after the other. Whoever needs memory waits for it, in the middle of a
// call of this package that may hold any lock: so they must use nothing of this package that lies in the same pool, and
// wait for nobody who does. A call costs ten microseconds or more, for two switches of threads (BenchmarkPoolSource
// measures two calls); and the pool a thread, which waits.
type PoolSource interface {
	// Allocate gives memory of size bytes, a power of two from 4 KiB, at an alignment, a power of two up to 2 MiB; nil
	// where there is none, which a panic means too. It may be memory that Go has no idea of, from [syscall.Mmap] say; what
	// lies in Go's heap is pinned until Free.
	Allocate(size, alignment int) []byte

	// Free takes back what Allocate gave, as it was given.
	Free(memory []byte)
}

// A PoolSourceDropper is a [PoolSource] that can also give up parts of memory that it keeps.
type PoolSourceDropper interface {
	PoolSource

	// Drop is told that the contents of a part of what Allocate gave are needed no longer. True: its pages have gone back to
	// the system until they are touched again.
	Drop(part []byte) bool
}

// A PoolSourceEnder is a [PoolSource] that wants to know the end.
type PoolSourceEnder interface {
	PoolSource

	// End is called once when the pool is gone, with everything that was taken from it: also with the blocks that threads
	// keep for their next units until they look at the pool again.
	End()
}

// newPoolOfSource makes a pool, and begins to serve it.
func newPoolOfSource(options *C.zcn_pool_options, source PoolSource) (c *C.zcn_pool, err error) {
	s := &servedSource{source: source, c: C.zcngo_source_create(), given: map[unsafe.Pointer]*givenMemory{}}
	if s.c == nil {
		return nil, ErrNoMemory
	}
	_, drops := source.(PoolSourceDropper)
	if status := C.zcngo_pool_of_source(&c, options, s.c, C.int(bit(drops))); status != C.ZCN_OK {
		C.zcngo_source_free(s.c)
		return nil, Status(status)
	}
	go s.serve()
	return c, nil
}

// servedSource is what the goroutine of a source has.
type servedSource struct {
	source PoolSource
	c      *C.zcngo_source
	given  map[unsafe.Pointer]*givenMemory // by its first byte
}

type givenMemory struct {
	memory []byte
	pinner runtime.Pinner
}

func (s *servedSource) serve() {
	served := false
	defer func() {
		if !served { // by a panic, or runtime.Goexit: whoever needs its memory would wait for ever
			panic("zcnet: a PoolSource has ended the goroutine that calls it")
		}
	}()
	for demand := C.zcngo_source_next(s.c); demand != nil; demand = C.zcngo_source_next(s.c) {
		switch demand.kind {
		case C.ZCNGO_ALLOCATE:
			demand.memory = s.allocate(int(demand.size), int(demand.alignment))
		case C.ZCNGO_FREE:
			s.free(demand.memory)
		case C.ZCNGO_DROP:
			demand.kept = 1
			if s.source.(PoolSourceDropper).Drop(bytesOf(demand.memory, int(demand.size))) {
				demand.kept = 0
			}
		}
		C.zcngo_source_answer(s.c, demand)
	}
	C.zcngo_source_free(s.c)
	served = true
	if ender, ok := s.source.(PoolSourceEnder); ok {
		ender.End()
	}
}

func (s *servedSource) allocate(size, alignment int) unsafe.Pointer {
	memory := s.tryAllocate(size, alignment)
	if memory == nil {
		return nil
	}
	first := unsafe.Pointer(unsafe.SliceData(memory))
	if len(memory) < size || uintptr(first)%uintptr(alignment) != 0 {
		panic("zcnet: a PoolSource gave memory that is too small, or not aligned")
	}
	given := &givenMemory{memory: memory}
	given.pinner.Pin(first)
	s.given[first] = given
	return first
}

func (s *servedSource) tryAllocate(size, alignment int) (memory []byte) {
	defer func() {
		if recover() != nil {
			memory = nil
		}
	}()
	return s.source.Allocate(size, alignment)
}

func (s *servedSource) free(first unsafe.Pointer) {
	given := s.given[first]
	delete(s.given, first)
	given.pinner.Unpin()
	s.source.Free(given.memory)
}
