// SPDX-License-Identifier: MIT

//go:build !race

package zcnet_test

const raceBuild = false
