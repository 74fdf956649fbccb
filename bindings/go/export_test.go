// SPDX-License-Identifier: MIT

package zcnet

// DebugBuild is for the tests.
const DebugBuild = debug
