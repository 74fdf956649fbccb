// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"testing"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// FuzzStream compares the messages that a stream finds with those that a few lines of Go find in the same bytes, however
// these are cut: the first byte says how many bytes each read gives.
func FuzzStream(f *testing.F) {
	framing := zcnet.MustParseFraming("length,width=2,strip=2,max=1K")
	for _, seed := range []string{"", "\x01", "\x03\x00\x02hi\x00\x00\x00\x05there", "\x01\x00\x05cut", "\x02\xff\xff",
		"\x07\x03\xfe" + string(make([]byte, 1022)) + "\x00\x01x", "\x04\x03\xff" + string(make([]byte, 2000))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		step, wire := int(data[0])+1, data[1:]
		s := must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{&inSteps{wire, step}}, framing, nil))
		defer s.Close()
		for rest := wire; ; {
			m, err := s.Recv(context.Background())
			want, size := error(nil), 0
			switch {
			case len(rest) == 0:
				want = io.EOF
			case len(rest) < 2:
				want = zcnet.ErrFrameTruncated
			default:
				if size = int(binary.BigEndian.Uint16(rest)); size+2 > 1024 {
					want = zcnet.ErrFrameTooLarge
				} else if size+2 > len(rest) {
					want = zcnet.ErrFrameTruncated
				}
			}
			if err != want {
				t.Fatalf("%v, not %v", err, want)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(m.Bytes(), rest[2:2+size]) {
				t.Fatalf("%q, not %q", m.Bytes(), rest[2:2+size])
			}
			rest = rest[2+size:]
			check(t, m.Release())
		}
	})
}

type inSteps struct {
	data []byte
	step int
}

func (r *inSteps) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.step)], r.data)
	r.data = r.data[n:]
	return n, nil
}
