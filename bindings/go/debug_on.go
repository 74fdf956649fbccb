// SPDX-License-Identifier: MIT

//go:build zcnet_debug

package zcnet

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// With the build tag zcnet_debug misuse ends the program where it happens, and leaks are told with their place.
const debug = true

// creationSite is the callers outside the package's own bookkeeping, one a line.
func creationSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var site strings.Builder
	for {
		frame, more := frames.Next()
		if frame.Function != "" {
			fmt.Fprintf(&site, "\t%s\n\t\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return site.String()
		}
	}
}

func reportLeak(leak Leak) {
	fmt.Fprintf(os.Stderr, "zcnet: a %s was never released; it was made here:\n%s", leak.Kind, leak.Stack)
}
