// SPDX-License-Identifier: MIT

package zcnet

import (
	"runtime"
	"sync/atomic"
)

// Leak tells of something that the program forgot to release or close, found by the garbage collector. Its memory is
// not taken back: a slice of it may still be in use, since slices of foreign memory keep nothing alive.
type Leak struct {
	Kind  string // "Message", "Unit", "UnitBatch", "Pool", "Loop", "Stream"
	Stack string // where it was made, with the build tag zcnet_debug; else empty
}

var (
	leakCount   atomic.Uint64
	leakHandler atomic.Pointer[func(Leak)]
)

// Leaks is how many leaks the garbage collector has found so far in this process.
func Leaks() uint64 { return leakCount.Load() }

// OnLeak sets what is called for each leak, on a goroutine of the runtime; nil for nothing. Without it, and with the
// build tag zcnet_debug, leaks are printed to standard error.
func OnLeak(handler func(Leak)) {
	if handler == nil {
		leakHandler.Store(nil)
		return
	}
	leakHandler.Store(&handler)
}

// leakMark is what the cleanup of an object looks at; it must not lead back to the object.
type leakMark struct {
	kind  string
	stack string
	owed  atomic.Bool // something is to be released
}

func watch[T any](object *T, kind string) *leakMark {
	mark := &leakMark{kind: kind}
	mark.owe()
	runtime.AddCleanup(object, (*leakMark).check, mark)
	return mark
}

func (m *leakMark) owe() {
	if debug {
		m.stack = creationSite()
	}
	m.owed.Store(true)
}

// settle says that what was owed is released; false if it had been before.
func (m *leakMark) settle() bool { return m.owed.Swap(false) }

func (m *leakMark) check() {
	if !m.owed.Load() {
		return
	}
	leakCount.Add(1)
	leak := Leak{Kind: m.kind, Stack: m.stack}
	if handler := leakHandler.Load(); handler != nil {
		(*handler)(leak)
	} else {
		reportLeak(leak)
	}
}
