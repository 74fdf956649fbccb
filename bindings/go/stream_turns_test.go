// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// large is a body that has pages of its own, which a pool that keeps nothing gives back at once.
func large(first byte) []byte {
	body := bytes.Repeat([]byte{first}, 900000)
	copy(body, "large")
	return body
}

// forgetful is a stream whose memory is unmapped as soon as nobody holds it, and its other end.
func forgetful(t *testing.T) (near, far *zcnet.Stream, pool *zcnet.Pool) {
	t.Helper()
	pool = must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{Keep: 1}))
	a, b := transports(t)["tcp"]()
	near = must[*zcnet.Stream](t)(zcnet.NewStream(a, lengths, &zcnet.StreamOptions{Pool: pool}))
	far = must[*zcnet.Stream](t)(zcnet.NewStream(b, lengths, nil))
	t.Cleanup(func() {
		near.Close()
		far.Close()
		drained(t, pool)
		check(t, pool.Close())
	})
	return near, far, pool
}

// stays is called in the turn of a message, with the bytes that it had when the turn began.
func stays(t *testing.T, m zcnet.Message, view, want []byte) {
	t.Helper()
	if !bytes.Equal(view, want) || !bytes.Equal(m.Bytes(), want) {
		t.Error("the message of a turn has changed")
	}
	kept := must[zcnet.Message](t)(m.Clone())
	joined := must[zcnet.Message](t)(zcnet.Join(m, kept))
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, u.AppendMessage(m))
	if kept.String() != string(want) || joined.Len() != 2*len(want) || u.Len() != len(want) {
		t.Error("what was made of the message of a turn is not the message")
	}
	check(t, u.Release())
	check(t, joined.Release())
	check(t, kept.Release())
}

func TestStreamClosedDuringATurn(t *testing.T) {
	near, far, pool := forgetful(t)
	go far.Write(large('c'))
	var last zcnet.Message
	turns := 0
	for m := range near.Messages(limited(t)) {
		view := m.Bytes()
		turns++
		check(t, within(t, "Close", near.Close))
		must[int](t)(pool.Trim())
		stays(t, m, view, large('c'))
		last = m
	}
	if err := near.ReadErr(); turns != 1 || !errors.Is(err, net.ErrClosed) {
		t.Error(turns, err)
	}
	misusedMessage(t, last)
}

// A second receiver has the stream go on, and lets go of what it had lent.
func TestStreamReceivedFromDuringATurn(t *testing.T) {
	near, far, pool := forgetful(t)
	ctx := limited(t)
	go func() {
		for i := range byte(4) {
			far.Write(large(i))
		}
	}()
	var first zcnet.Message
	for m := range near.Messages(ctx) {
		if !first.IsZero() {
			misusedMessage(t, first)
			break
		}
		first = m
		view := m.Bytes()
		for i := byte(1); i < 3; i++ {
			other := must[zcnet.Message](t)(near.Recv(ctx))
			if !bytes.Equal(other.Bytes(), large(i)) {
				t.Errorf("message %d is another", i)
			}
			check(t, other.Release())
			must[int](t)(pool.Trim())
			stays(t, m, view, large(0))
		}
	}
	misusedMessage(t, first)
}

// One who waits for the next message keeps nobody from the present one, nor from leaving.
func TestStreamReadFromDuringATurn(t *testing.T) {
	near, far, _ := forgetful(t)
	go far.Write(large('r'))
	received := make(chan error, 1)
	leave := func() {
		for m := range near.Messages(limited(t)) {
			view := m.Bytes()
			go func() {
				other, err := near.Recv(limited(t))
				if err == nil {
					err = other.Release()
				}
				received <- err
			}()
			eventually(t, "a Read waits", near.Reading)
			stays(t, m, view, large('r'))
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if _, err := near.Recv(ctx); err != context.DeadlineExceeded { // not the one who reads
				t.Error(err)
			}
			break
		}
		check(t, near.ReadErr())
	}
	check(t, within(t, "a break", func() error { leave(); return nil }))
	must[int](t)(far.Write([]byte("other")))
	check(t, within(t, "Recv", func() error { return <-received }))
}

// Many goroutines share the messages of a stream, each of which is seen once.
func TestStreamSharedByGoroutines(t *testing.T) {
	const total, readers = 20000, 4
	near, far, _ := forgetful(t)
	go func() {
		for i := range total {
			body := binary.BigEndian.AppendUint32(make([]byte, i%300), uint32(i))
			if err := far.SendCopy(body); err != nil {
				t.Error(err)
			}
		}
		far.Close()
	}()
	var seen [total]atomic.Uint32
	var running sync.WaitGroup
	for range readers {
		running.Add(1)
		go func() {
			defer running.Done()
			for m := range near.Messages(limited(t)) {
				view := m.Bytes()
				number := binary.BigEndian.Uint32(view[len(view)-4:])
				seen[number].Add(1)
				if kept, err := m.Clone(); err != nil || !bytes.Equal(kept.Bytes(), view) || kept.Release() != nil {
					t.Error(err)
				}
			}
		}()
	}
	check(t, within(t, "the readers", func() error { running.Wait(); return near.ReadErr() }))
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Fatal(fmt.Sprintf("message %d was seen %d times", i, n))
		}
	}
}
