// SPDX-License-Identifier: MIT

//go:build zcnet_vendored

package zcnet

// The sources are C++; a file of them in this folder makes cgo link with the C++ compiler.

// #cgo CFLAGS: -DZCNET_VENDORED
// #cgo CXXFLAGS: -DZCNET_VENDORED -std=c++20 -O2 -DNDEBUG -fvisibility=hidden -fvisibility-inlines-hidden
// #cgo LDFLAGS: -pthread
import "C"

const linkMode = "vendored"
