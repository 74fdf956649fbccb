// SPDX-License-Identifier: MIT

package zcnet

import "time"

// DebugBuild is for the tests.
const DebugBuild = debug

// SetCloseTime is for tests of streams whose peer does not read. It gives the function that sets it back.
func SetCloseTime(limit time.Duration) (back func()) {
	before := closeTime
	closeTime = limit
	return func() { closeTime = before }
}

// Writing tells whether somebody writes just now, other than Close.
func (s *Stream) Writing() bool { return s.writing.Load() }

// IsConstant tells whether a string is part of the program.
func IsConstant(s string) bool { return isConstant(s) }

// Pinned is how many pieces of Go memory the library holds.
func Pinned() int64 {
	pins.collect()
	return pins.live.Load()
}

// Ending tells whether [Loop.Close] was called.
func (l *Loop) Ending() bool { return l.ending.Load() }

// Reading tells whether somebody waits in a Read of what the stream runs over.
func (s *Stream) Reading() bool {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return s.reading
}
