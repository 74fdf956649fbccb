// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func TestVersion(t *testing.T) {
	if !strings.HasPrefix(zcnet.Version(), "0.1.") {
		t.Error(zcnet.Version())
	}
	switch zcnet.LinkMode() {
	case "dynamic", "static", "vendored":
	default:
		t.Error(zcnet.LinkMode())
	}
}

func TestStatuses(t *testing.T) {
	for status, standard := range map[zcnet.Status][]error{
		zcnet.ErrEOF:            {io.EOF},
		zcnet.ErrFrameTruncated: {io.ErrUnexpectedEOF},
		zcnet.ErrClosed:         {net.ErrClosed},
		zcnet.ErrAborted:        {net.ErrClosed},
		zcnet.ErrTimedOut:       {os.ErrDeadlineExceeded, syscall.ETIMEDOUT},
		zcnet.ErrWouldBlock:     {syscall.EAGAIN},
		zcnet.ErrReset:          {syscall.ECONNRESET},
		zcnet.ErrRefused:        {syscall.ECONNREFUSED},
		zcnet.ErrUnreachable:    {syscall.EHOSTUNREACH, syscall.ENETUNREACH},
		zcnet.ErrInUse:          {syscall.EADDRINUSE},
		zcnet.ErrPermission:     {os.ErrPermission, syscall.EACCES},
		zcnet.ErrNoMemory:       {syscall.ENOMEM},
		zcnet.ErrNoSpace:        {syscall.ENOSPC},
		zcnet.ErrNotFound:       {os.ErrNotExist, syscall.ENOENT},
		zcnet.ErrInvalid:        {os.ErrInvalid, syscall.EINVAL},
		zcnet.ErrUnsupported:    {errors.ErrUnsupported},
		zcnet.ErrInternal:       nil,
	} {
		wrapped := &zcnet.Error{Op: "test", Status: status, Errno: syscall.EPIPE}
		for _, err := range append(standard, status) {
			if !errors.Is(status, err) || !errors.Is(wrapped, err) {
				t.Errorf("%v is not %v", status, err)
			}
		}
		if errors.Is(status, io.ErrClosedPipe) || !errors.Is(wrapped, syscall.EPIPE) {
			t.Error(status)
		}
		if status.Name() == "ZCN_UNKNOWN" || !strings.HasPrefix(status.Error(), "zcnet: ") {
			t.Errorf("%d: %s, %s", status, status.Name(), status.Error())
		}
		if timeout := status == zcnet.ErrTimedOut; status.Timeout() != timeout || wrapped.Timeout() != timeout {
			t.Error(status)
		}
	}
	if zcnet.ErrClosed.Name() != "ZCN_ECLOSED" || zcnet.Status(12345).Name() != "ZCN_UNKNOWN" {
		t.Error("names")
	}
	if !zcnet.ErrWouldBlock.Temporary() || (&zcnet.Error{Op: "x", Status: zcnet.ErrReset}).Temporary() {
		t.Error("temporary")
	}
	if text := (&zcnet.Error{Op: "x", Status: zcnet.ErrReset}).Error(); text != "zcnet: x: the peer reset the connection" {
		t.Error(text)
	}
}

func TestFramings(t *testing.T) {
	framing := must[*zcnet.Framing](t)(zcnet.ParseFraming("length,strip=4,max=1K"))
	if framing.String() != "length,offset=0,width=4,order=big,adjust=0,strip=4,max=1K" {
		t.Error(framing)
	}
	head, tail, err := framing.Overhead(100)
	if head != 4 || tail != 0 || err != nil {
		t.Error(head, tail, err)
	}
	if _, _, err := framing.Overhead(1 << 20); err != zcnet.ErrFrameTooLarge {
		t.Error(err)
	}
	size, head, tail, err := framing.Measure([]byte{0, 0, 0, 9, 'x'})
	if size != 13 || head != 4 || tail != 0 || err != nil {
		t.Error(size, head, tail, err)
	}
	if _, _, _, err := framing.Measure([]byte{0, 0}); err != zcnet.ErrWouldBlock {
		t.Error(err)
	}
	_, err = zcnet.ParseFraming("length,width=5")
	if !errors.Is(err, zcnet.ErrInvalid) || !strings.Contains(err.Error(), "width") {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		zcnet.MustParseFraming("nonsense")
	}()
}

func TestPools(t *testing.T) {
	pool := must[*zcnet.Pool](t)(zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 64 << 10, Limit: 8 << 20}))
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(pool, nil, 1000))
	stats, err := pool.Stats()
	check(t, err)
	if stats.BlockSize != 64<<10 || stats.LimitBytes != 8<<20 || stats.InUseBytes == 0 {
		t.Errorf("%+v", stats)
	}
	if _, err := zcnet.NewUnit(pool, nil, 16<<20); !errors.Is(err, zcnet.ErrLimit) {
		t.Error(err)
	}
	check(t, u.Release())
	must[int](t)(pool.Trim())
	check(t, pool.Close())
	if err := pool.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := zcnet.NewUnit(pool, nil, 1); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := zcnet.NewPool(&zcnet.PoolOptions{BlockSize: 12345}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := zcnet.NewPool(&zcnet.PoolOptions{Limit: -1}); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	var none *zcnet.Pool
	if stats, err := none.Stats(); err != nil || stats.BlockSize == 0 {
		t.Error(stats, err)
	}
	check(t, none.Close())
}

func TestMessages(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(ctx, []byte("hello there")))
	check(t, near.SendCopy(ctx, []byte("general")))
	a := must[zcnet.Message](t)(far.Recv(ctx))
	b := must[zcnet.Message](t)(far.Recv(ctx))
	clone := must[zcnet.Message](t)(a.Clone())
	slice := must[zcnet.Message](t)(a.Slice(6, 5))
	copied := must[zcnet.Message](t)(a.Detach())
	joined := must[zcnet.Message](t)(zcnet.Join(slice, b))
	if _, err := a.Slice(6, 6); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := a.Slice(-1, 1); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	if _, err := slice.Frame(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := zcnet.Join(); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, a.Release())
	if clone.String() != "hello there" || slice.String() != "there" || copied.String() != "hello there" {
		t.Errorf("%q %q %q", clone.String(), slice.String(), copied.String())
	}
	var out bytes.Buffer
	if joined.Len() != 12 || joined.Bytes() != nil || joined.String() != "theregeneral" { // they lie in two pieces
		t.Errorf("%d %q %q", joined.Len(), joined.Bytes(), joined.String())
	}
	if n, err := joined.WriteTo(&out); n != 12 || err != nil || out.String() != "theregeneral" {
		t.Errorf("%d %v %q", n, err, out.String())
	}
	if n, err := clone.WriteTo(&out); n != 11 || err != nil || !strings.HasSuffix(out.String(), "hello there") {
		t.Errorf("%d %v %q", n, err, out.String())
	}
	if parts := must[net.Buffers](t)(joined.Buffers()); len(parts) != 2 || string(parts[0]) != "there" {
		t.Errorf("%q", parts)
	}
	appended := append(clone.Bytes(), " and more"...)
	if string(appended) != "hello there and more" || clone.String() != "hello there" {
		t.Error("append wrote into the received bytes")
	}
	// A joined message is sent like any other.
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, u.AppendMessage(joined))
	check(t, near.Send(ctx, u))
	check(t, zcnet.ReleaseAll([]zcnet.Message{b, clone, slice, copied, joined}))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != "theregeneral" {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
}

func TestWritableMessages(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	check(t, near.SendCopy(ctx, []byte("hello there")))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	clone := must[zcnet.Message](t)(m.Clone())
	mine, bytes, err := m.Writable()
	check(t, err)
	copy(bytes, "HELLO")
	if mine.String() != "HELLO there" || clone.String() != "hello there" {
		t.Errorf("%q %q", mine.String(), clone.String())
	}
	misuse(t, "Writable", func() error { _, _, err := m.Writable(); return err })
	check(t, clone.Release())
	same, bytes, err := mine.Writable()
	check(t, err)
	copy(bytes[6:], "again")
	if same.String() != "HELLO again" {
		t.Errorf("%q", same.String())
	}
	joined := must[zcnet.Message](t)(zcnet.Join(same, same))
	if _, _, err := joined.Writable(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	check(t, zcnet.ReleaseAll([]zcnet.Message{same, joined}))
	if _, _, err := (zcnet.Message{}).Writable(); err != zcnet.ErrInvalid {
		t.Error(err)
	}
}
