// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"unsafe"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// mapping is a file as the process sees it, for reading only.
func mapping(t *testing.T) []byte {
	t.Helper()
	path, content := someFile(t)
	file := must[*os.File](t)(os.Open(path))
	defer file.Close()
	pages := must[[]byte](t)(syscall.Mmap(int(file.Fd()), 0, len(content), syscall.PROT_READ, syscall.MAP_SHARED))
	t.Cleanup(func() { check(t, syscall.Munmap(pages)) })
	return pages
}

func TestPagesThatNeverChange(t *testing.T) {
	ctx := limited(t)
	pages := mapping(t)
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			loop := background(t, nil)
			listener := must[*zcnet.Listener](t)(loop.Listen(address, lengths, nil))
			near := must[*zcnet.Conn](t)(loop.Dial(ctx, listener.Addr().String(), lengths, nil))
			far := must[*zcnet.Conn](t)(listener.Accept(ctx))
			u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
			check(t, u.AppendCopy([]byte("head")))
			check(t, u.AppendPages(pages))
			check(t, u.Seal(lengths))
			for range 3 {
				again := must[*zcnet.Unit](t)(u.Clone())
				check(t, near.Send(ctx, again))
				m := must[zcnet.Message](t)(far.Recv(ctx))
				if string(m.Bytes()[:4]) != "head" || !bytes.Equal(m.Bytes()[4:], pages) {
					t.Error("something else arrived")
				}
				check(t, m.Release())
			}
			if err := u.AppendPages(pages); err != zcnet.ErrInvalid { // it is sealed
				t.Error(err)
			}
			check(t, u.Release())
			lent := near.Stats().PagesLent
			if name != "tcp" && lent == 0 {
				t.Errorf("%d bytes were handed over", lent)
			}
		})
	}
}

const constant = "a string of the program lies in memory that it cannot write to"

func TestWhatCountsAsPages(t *testing.T) {
	u := must[*zcnet.Unit](t)(zcnet.NewUnit(nil, nil, 100))
	defer u.Release()
	check(t, u.AppendPages(unsafe.Slice(unsafe.StringData(constant), len(constant))))
	for what, memory := range map[string][]byte{"Go's": make([]byte, 70000), "the library's": u.Bytes()} {
		if err := u.AppendPages(memory); err != zcnet.ErrUnsupported {
			t.Errorf("%s memory: %v", what, err)
		}
	}
	if err := u.AppendPages(nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	// A connection that sends it has the constant as any other bytes.
	near, far := pair(t, background(t, nil), lengths, nil)
	sent := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, sent.AppendPages(unsafe.Slice(unsafe.StringData(constant), len(constant))))
	check(t, near.Send(limited(t), sent))
	m := must[zcnet.Message](t)(far.Recv(limited(t)))
	if m.String() != constant {
		t.Errorf("%q", m.String())
	}
	check(t, m.Release())
}
