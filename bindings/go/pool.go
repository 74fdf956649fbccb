// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Pool is where the bytes of messages and units live. Most programs need none of their own: a nil *Pool means the
// pool of the process everywhere. A pool lives until it is closed and everything that was taken from it is released.
type Pool struct {
	mu   sync.RWMutex
	c    *C.zcn_pool // nil once closed
	leak *leakMark
}

// PoolOptions are the settings of a pool; zero values are the defaults.
type PoolOptions struct {
	BlockSize int // bytes of a block, a power of two from 4 KiB to 16 MiB; 0: 256 KiB
	Limit     int // bytes that the pool may hold in all, at least 8 blocks; 0: no limit
	Keep      int // bytes of free memory kept for reuse; 0: 64 MiB
	HugePages int // 0: when the pool has grown past 8 MiB; 1: never; 2: from the start

	// For how long free memory that was not needed is kept, at most twice as long; 0: as much as Keep is kept for good.
	KeepFor time.Duration

	Source PoolSource // where its memory comes from; nil: the system

	// Not 0: the pool's memory lies in a file of so many bytes, a multiple of 2 MiB, which another process can map: see
	// [Pool.Shared]. Not with Source.
	SharedBytes int

	// For SettleAll: how long a message is held before it may be copied out, and how many times its bytes it must keep from
	// being used otherwise then. With a ratio of 0 none is.
	DetachAfter time.Duration
	DetachRatio int
}

// PoolStats are the gauges and counters of a pool.
type PoolStats struct {
	BlockSize         uint64        // bytes of one block
	LimitBytes        uint64        // 0: no limit
	ReservedBytes     uint64        // taken from the system now
	ReservedPeakBytes uint64        // the highest ReservedBytes so far
	InUseBytes        uint64        // held by messages, units, loops and caches
	PeakBytes         uint64        // the highest InUseBytes so far
	CachedBytes       uint64        // free, where every thread finds it
	ThreadCachedBytes uint64        // of InUseBytes: free blocks that threads, loops and streams keep
	ArenaBytes        uint64        // of InUseBytes: blocks that threads cut the memory of units from
	RegionBytes       uint64        // of InUseBytes: memory of single large messages
	ObjectBytes       uint64        // memory of handles, of all pools of the process
	BlockTakes        uint64        // blocks handed out so far
	RegionTakes       uint64        // regions handed out so far
	Failures          uint64        // requests refused
	Slabs             uint64        // mapped now
	Waits             uint64        // times that a loop paused reading, or somebody waited, because the pool was full
	Views             uint64        // messages that are held
	ViewedBytes       uint64        // the sum of their sizes
	PinnedBytes       uint64        // of InUseBytes: what they keep from being used otherwise
	Amplification     float64       // PinnedBytes over ViewedBytes; 0 when nothing is viewed
	OldestView        time.Duration // for how long the message that is held longest has been
	CopiedBytes       uint64        // copied by Detach, SettleAll and Writable
	HugeBytes         uint64        // of slabs that the system was asked to back with huge pages, and agreed
	HugeRefusedBytes  uint64        // and did not
}

// NewPool makes a pool. Nil options are the defaults.
func NewPool(options *PoolOptions) (*Pool, error) {
	var o C.zcn_pool_options
	C.zcn_pool_options_init(&o, C.sizeof_zcn_pool_options)
	if options != nil {
		if options.BlockSize < 0 || options.Limit < 0 || options.Keep < 0 || options.HugePages < 0 || options.SharedBytes < 0 {
			return nil, ErrInvalid
		}
		o.block_size = C.uint64_t(options.BlockSize)
		o.limit = C.uint64_t(options.Limit)
		o.keep = C.uint64_t(options.Keep)
		o.huge_pages = C.uint32_t(options.HugePages)
		var err error
		o.keep_ms, o.shared_bytes = inUnits(&err, options.KeepFor, time.Millisecond), C.uint64_t(options.SharedBytes)
		o.detach_ms, o.detach_ratio = inUnits(&err, options.DetachAfter, time.Millisecond), in32(&err, options.DetachRatio)
		if err != nil {
			return nil, err
		}
	}
	c, err := createPool(&o, options)
	if err != nil {
		return nil, err
	}
	pool := &Pool{c: c}
	pool.leak = watch(pool, "Pool")
	return pool, nil
}

func createPool(o *C.zcn_pool_options, options *PoolOptions) (c *C.zcn_pool, err error) {
	if options != nil && options.Source != nil {
		return newPoolOfSource(o, options.Source)
	}
	return c, statusError(C.int32_t(C.zcn_pool_create(&c, o)))
}

// Close ends the handle. Memory that is still in use stays valid; the pool goes with the last of it.
func (p *Pool) Close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c == nil {
		return ErrClosed
	}
	p.leak.settle()
	C.zcn_pool_release(p.c)
	p.c = nil
	return nil
}

// with calls use with the C handle, which stays valid meanwhile.
func (p *Pool) with(use func(c *C.zcn_pool) error) error {
	if p == nil {
		return use(nil)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.c == nil {
		return ErrClosed
	}
	return use(p.c)
}

// Trim gives free memory back to the system, and says how many bytes.
func (p *Pool) Trim() (int, error) {
	var bytes C.uint64_t
	err := p.withReal(func(c *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_pool_trim(c, &bytes)))
	})
	return int(bytes), err
}

// withReal has the pool of the process where p is nil.
func (p *Pool) withReal(use func(c *C.zcn_pool) error) error {
	return p.with(func(c *C.zcn_pool) error {
		if c != nil {
			return use(c)
		}
		if status := C.zcn_pool_default(&c); status != C.ZCN_OK {
			return Status(status)
		}
		defer C.zcn_pool_release(c)
		return use(c)
	})
}

// Stats reads the gauges and counters; those of the pool of the process where p is nil.
func (p *Pool) Stats() (PoolStats, error) {
	var s C.zcn_pool_stats
	s.struct_size = C.sizeof_zcn_pool_stats
	err := p.withReal(func(c *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_pool_get_stats(c, &s)))
	})
	runtime.KeepAlive(p)
	return PoolStats{
		BlockSize: uint64(s.block_size), LimitBytes: uint64(s.limit_bytes), ReservedBytes: uint64(s.reserved_bytes),
		ReservedPeakBytes: uint64(s.reserved_peak_bytes), InUseBytes: uint64(s.in_use_bytes),
		PeakBytes: uint64(s.peak_bytes), CachedBytes: uint64(s.cached_bytes),
		ThreadCachedBytes: uint64(s.thread_cached_bytes), ArenaBytes: uint64(s.arena_bytes),
		RegionBytes: uint64(s.region_bytes), ObjectBytes: uint64(s.object_bytes), BlockTakes: uint64(s.block_takes),
		RegionTakes: uint64(s.region_takes), Failures: uint64(s.failures), Slabs: uint64(s.slabs),
		Waits: uint64(s.waits), Views: uint64(s.views), ViewedBytes: uint64(s.viewed_bytes),
		PinnedBytes: uint64(s.pinned_bytes), OldestView: time.Duration(s.oldest_view_ns),
		CopiedBytes: uint64(s.copied_bytes), Amplification: float64(s.amplification) / 1000,
		HugeBytes: uint64(s.huge_bytes), HugeRefusedBytes: uint64(s.huge_refused_bytes),
	}, err
}

// Shared is the memory file of a pool with SharedBytes, and its size. Hand the descriptor to another process (SCM_RIGHTS),
// which maps it and reads messages where they lie: tell it their offsets ([Pool.Offset]), and keep the messages until it has
// read them. The file's size is sealed; its contents are not, so give it to whom you trust. The descriptor is the pool's,
// and not to be closed.
func (p *Pool) Shared() (fd uintptr, size int, err error) {
	var descriptor C.int
	var bytes C.uint64_t
	err = p.withReal(func(c *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_pool_get_shared(c, &descriptor, &bytes)))
	})
	return uintptr(descriptor), int(bytes), err
}

// Offset is where bytes of a message or unit lie in the pool's memory file; [ErrInvalid] when they lie elsewhere.
func (p *Pool) Offset(bytes []byte) (int64, error) {
	var offset C.uint64_t
	err := p.withReal(func(c *C.zcn_pool) error {
		return statusError(C.int32_t(C.zcn_pool_get_offset(c, unsafe.Pointer(unsafe.SliceData(bytes)), C.uint64_t(len(bytes)), &offset)))
	})
	return int64(offset), err
}

// Dump writes who holds what of the pool to a file, as lines of text for people: each message that is held, with its size,
// for how long, and how much memory it keeps. With ZCNET_DEBUG=leak in the environment also each unit, and the place in
// the program that made each.
func (p *Pool) Dump(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return p.withReal(func(c *C.zcn_pool) (err error) {
		failed := raw.Control(func(fd uintptr) { err = statusError(C.int32_t(C.zcn_pool_dump(c, C.int(fd)))) })
		return errors.Join(failed, err)
	})
}
