// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"strings"
	"testing"
	"unsafe"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

const headline = "a constant of the program, "

var written = []byte("bytes that a program may write to")

func TestConstants(t *testing.T) {
	inVariable := headline
	for s, want := range map[string]bool{
		headline:                                 true,
		inVariable[2:5]:                          true,
		strings.Repeat("no", 9):                  false,
		unsafe.String(&written[0], len(written)): false,
	} {
		if zcnet.IsConstant(s) != want {
			t.Errorf("%q: %t", s, !want)
		}
	}
	// What begins in the program and ends behind it.
	if zcnet.IsConstant(unsafe.String(unsafe.StringData(inVariable), 1<<40)) {
		t.Error("a part of the program has no end")
	}
}

func TestStringsWithoutACopy(t *testing.T) {
	ctx := limited(t)
	near, far := pair(t, background(t, nil), lengths, nil)
	eventually(t, "pins of tests before this are gone", func() bool { return zcnet.Pinned() == 0 })
	made := strings.Repeat("and one that was made", 1000)
	u := must[*zcnet.Unit](t)(zcnet.NewEmptyUnit(nil))
	check(t, u.AppendString(headline))
	check(t, u.AppendString(""))
	if zcnet.Pinned() != 0 {
		t.Error("a constant was pinned")
	}
	check(t, u.AppendString(made))
	if zcnet.Pinned() != 1 || u.Len() != len(headline)+len(made) {
		t.Error(zcnet.Pinned(), u.Len())
	}
	check(t, near.Send(ctx, u))
	m := must[zcnet.Message](t)(far.Recv(ctx))
	if m.String() != headline+made {
		t.Errorf("%.60q", m.String())
	}
	check(t, m.Release())
	eventually(t, "the string is not needed any more", func() bool { return zcnet.Pinned() == 0 })
	misuse(t, "unit", func() error { return u.AppendString(headline) })
	misuse(t, "unit", func() error { return u.AppendString(made) })
}
