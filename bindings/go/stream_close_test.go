// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// deadlines is a transport that cannot be closed, only be told when to stop waiting.
type deadlines struct {
	io.ReadWriter
	conn net.Conn
}

func (d deadlines) SetReadDeadline(at time.Time) error  { return d.conn.SetReadDeadline(at) }
func (d deadlines) SetWriteDeadline(at time.Time) error { return d.conn.SetWriteDeadline(at) }

// unread are streams whose peer reads nothing.
func unread(t *testing.T) map[string]*zcnet.Stream {
	t.Helper()
	ends := transports(t)
	near := map[string]io.ReadWriter{}
	for _, name := range []string{"pipe", "tcp", "unix", "tls"} {
		a, b := ends[name]()
		t.Cleanup(func() { b.(io.Closer).Close() })
		near[name] = a
	}
	a, b := ends["tcp"]()
	t.Cleanup(func() { a.(io.Closer).Close(); b.(io.Closer).Close() })
	near["deadlines"] = deadlines{a, a.(net.Conn)}
	all := map[string]*zcnet.Stream{}
	for name, rw := range near {
		all[name] = must[*zcnet.Stream](t)(zcnet.NewStream(rw, lengths, &zcnet.StreamOptions{HighWater: 64 << 20}))
	}
	return all
}

// within fails the test when a call does not end; it would hang the other tests otherwise.
func within(t *testing.T, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatalf("%s still waits", what)
		return nil
	}
}

// More than any socket takes.
func queueMuch(t *testing.T, s *zcnet.Stream) {
	t.Helper()
	for range 32 {
		check(t, s.SendCopy(make([]byte, 1<<20-8)))
	}
}

// What somebody else writes ends at once, long before Close would give up by itself.
func TestStreamCloseUnderAWriter(t *testing.T) {
	defer zcnet.SetCloseTime(time.Hour)()
	for name, s := range unread(t) {
		t.Run(name, func(t *testing.T) {
			queueMuch(t, s)
			flushed := make(chan error, 1)
			go func() { flushed <- s.Flush() }()
			eventually(t, "Flush writes", s.Writing)
			check(t, within(t, "Close", s.Close))
			if err := within(t, "Flush", func() error { return <-flushed }); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := s.SendCopy(nil); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestStreamCloseWhenThePeerDoesNotRead(t *testing.T) {
	defer zcnet.SetCloseTime(20 * time.Millisecond)()
	for name, s := range unread(t) {
		t.Run(name, func(t *testing.T) {
			queueMuch(t, s)
			if err := within(t, "Close", s.Close); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

// What was queued and is lost is told with its reason, not as a second call.
func TestStreamCloseSaysWhyItsFlushFailed(t *testing.T) {
	a, b := transports(t)["tcp"]()
	s := must[*zcnet.Stream](t)(zcnet.NewStream(a, lengths, &zcnet.StreamOptions{HighWater: 64 << 20}))
	check(t, b.(*net.TCPConn).SetLinger(0))
	check(t, b.(*net.TCPConn).Close())
	queueMuch(t, s)
	if err := s.Close(); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
