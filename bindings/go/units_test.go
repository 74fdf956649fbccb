// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestUnits(t *testing.T) {
	ctx := limited(t)
	framing := zcnet.MustParseFraming("length,offset=2,width=2,strip=4,max=1M")
	near, far := pair(t, background(t, nil), framing, nil)
	next := func() string {
		t.Helper()
		m := must[zcnet.Message](t)(far.Recv(ctx))
		defer m.Release()
		return m.String()
	}

	u := unit(t, framing, "too long by far")
	check(t, u.Truncate(8))
	if u.Len() != 8 || len(u.Bytes()) != 8 {
		t.Error(u.Len())
	}
	check(t, u.SetPrefix([]byte{0xAB, 0xCD}))
	check(t, near.Send(ctx, u))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if frame := must[[]byte](t)(m.Frame()); string(frame) != "\xAB\xCD\x00\x08too long" {
		t.Errorf("%q", frame)
	}

	// A message of many kinds of parts.
	u = must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	part := must[[]byte](t)(u.Append(3))
	copy(part, "abc")
	check(t, u.AppendCopy([]byte("def")))
	check(t, u.AppendMessage(m))
	done := make(chan struct{})
	pinned := []byte("pinned")
	check(t, u.AppendPinned(pinned, func() { close(done) }))
	for _, r := range []io.Reader{strings.NewReader("from a reader"), io.LimitReader(onlyReader{strings.NewReader("limited")}, 5), onlyReader{strings.NewReader("plain")}} {
		if _, err := u.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
	}
	check(t, near.Send(ctx, u))
	check(t, m.Release())
	if got := next(); got != "abcdeftoo longpinnedfrom a readerlimitplain" {
		t.Errorf("%q", got)
	}
	<-done

	// One unit, many times.
	u = unit(t, framing, "again")
	if _, err := u.Clone(); err != zcnet.ErrInvalid { // its body may still be written to
		t.Error(err)
	}
	check(t, u.Seal(framing))
	if u.Bytes() != nil {
		t.Error("a sealed unit may be written to")
	}
	for range 3 {
		clone := must[*zcnet.Unit](t)(u.Clone())
		check(t, near.Send(ctx, clone))
	}
	again := must[*zcnet.Unit](t)(u.Clone())
	check(t, must[*zcnet.Unit](t)(again.Clone()).Release())
	check(t, again.Release())
	if err := u.AppendCopy([]byte("x")); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, u.Release())
	for range 3 {
		if got := next(); got != "again" {
			t.Errorf("%q", got)
		}
	}

	if _, err := zcnet.NewUnit(nil, framing, -1); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := zcnet.NewUnit(nil, framing, 70000); !errors.Is(err, zcnet.ErrFrameValue) {
		t.Error(err)
	}
}

type onlyReader struct{ io.Reader }

func TestUnitBatches(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, &zcnet.ConnOptions{HighWater: 4096})
	batch := must[*zcnet.UnitBatch](t)(zcnet.NewUnitBatch(nil, lengths, 500, 16))
	defer batch.Release()
	const rounds = 20
	go func() {
		for round := range rounds {
			if round > 0 {
				if err := batch.Refill(nil, lengths, 500, 16); err != nil {
					t.Error(err)
				}
			}
			for i := range batch.Len() {
				batch.Bytes(i)[0], batch.Bytes(i)[15] = byte(i), byte(round)
			}
			if err := batch.Refill(nil, lengths, 1, 1); err != zcnet.ErrBusy {
				t.Error(err)
			}
			if err := near.SendBatch(ctx, batch); err != nil {
				t.Error(err)
			}
		}
		near.Close()
	}()
	got := 0
	for m := range far.Messages(ctx) {
		if b := m.Bytes(); len(b) != 16 || b[0] != byte(got%500) || b[15] != byte(got/500) {
			t.Fatalf("message %d: %v", got, b)
		}
		got++
	}
	if got != rounds*500 {
		t.Error(got, far.ReadErr())
	}
	rest := must[*zcnet.UnitBatch](t)(zcnet.NewUnitBatch(nil, lengths, 3, 16))
	if err := near.TrySendBatch(rest); !errors.Is(err, net.ErrClosed) || rest.Len() != 3 {
		t.Error(err)
	}
	rest.Release()
	if _, err := zcnet.NewUnitBatch(nil, lengths, 0, 1); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}

// Pinned memory stays pinned until the library needs it no longer, in every way that a unit can end.
func TestPinnedMemoryIsGivenBack(t *testing.T) {
	ctx := limited(t)
	loop := background(t, nil)
	near, far := pair(t, loop, lengths, nil)
	dones := make(chan string, 10)
	add := func(name string, size int) *zcnet.Unit {
		u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
		check(t, u.AppendPinned(bytes.Repeat([]byte{'p'}, size), func() { dones <- name }))
		return u
	}
	wait := func(name string) {
		t.Helper()
		runtime.GC()
		select {
		case got := <-dones:
			if got != name {
				t.Errorf("%s, not %s", got, name)
			}
		case <-ctx.Done():
			t.Fatalf("%s was never given back", name)
		}
	}
	check(t, add("released", 10).Release())
	wait("released")
	check(t, near.Send(ctx, add("sent", 100000)))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.Len() != 100000 || bytes.Count(m.Bytes(), []byte{'p'}) != 100000 {
		t.Error("damaged")
	}
	check(t, m.Release())
	wait("sent")
	u := add("refused", 2<<20)
	if err := near.Send(ctx, u); !errors.Is(err, zcnet.ErrFrameTooLarge) {
		t.Error(err)
	}
	check(t, u.Release())
	wait("refused")
	check(t, far.Pause())
	var sent int
	for err := error(nil); err == nil; sent++ {
		large := unit(t, lengths, string(make([]byte, 60000)))
		if err = near.TrySend(large); err != nil {
			check(t, large.Release())
			break
		}
	}
	check(t, far.Resume())
	for range sent {
		m := must[zcnet.Message](t)(far.Recv(ctx))
		check(t, m.Release())
	}
	check(t, far.Pause())
	check(t, near.Send(ctx, add("aborted", 1000000)))
	check(t, near.Abort())
	wait("aborted")
	empty := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, empty.AppendPinned(nil, func() { dones <- "empty" }))
	wait("empty")
	check(t, empty.Release())
}
