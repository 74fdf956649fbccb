// SPDX-License-Identifier: MIT

//go:build !zcnet_static && !zcnet_vendored

package zcnet

// #cgo pkg-config: libzcnet
import "C"

const linkMode = "dynamic"
