// SPDX-License-Identifier: MIT

//go:build !zcnet_debug

package zcnet

const debug = false

func creationSite() string { return "" }

func reportLeak(Leak) {}
