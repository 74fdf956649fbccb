// SPDX-License-Identifier: MIT

package zcnet

// #include "bridge.h"
import "C"

import (
	"sync"
	"unsafe"
)

// constants are the parts of the program that were mapped for reading only, and stay for its life: string constants lie
// there, as what //go:embed puts into strings does.
var constants = sync.OnceValue(func() []C.zcngo_range {
	var ranges [16]C.zcngo_range
	return ranges[:C.zcngo_constants(&ranges[0], C.size_t(len(ranges)))]
})

func isConstant(s string) bool {
	first := C.uintptr_t(uintptr(unsafe.Pointer(unsafe.StringData(s))))
	for _, r := range constants() {
		if first >= r.first && first < r.end && C.uintptr_t(len(s)) <= r.end-first {
			return true
		}
	}
	return false
}

// AppendString adds the bytes of s, which never change, without a copy. Constants of the program cost nothing more;
// other strings are pinned until the library is done with them, as by [Unit.AppendPinned].
func (u *Unit) AppendString(s string) error {
	if !isConstant(s) {
		return u.AppendPinned(unsafe.Slice(unsafe.StringData(s), len(s)), nil)
	}
	return u.do(func(c *C.zcn_unit) C.int32_t {
		return C.int32_t(C.zcn_unit_append_static(c, unsafe.Pointer(unsafe.StringData(s)), C.uint64_t(len(s))))
	})
}
