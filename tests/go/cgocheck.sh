#!/bin/sh
# SPDX-License-Identifier: MIT
# The Go package with every check of the rules between Go and C, and with memory that the collector frees overwritten.
#   cgocheck.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
GOEXPERIMENT=cgocheck2
GODEBUG=clobberfree=1,cgocheck=1,invalidptr=1
GOGC=20
export GOEXPERIMENT GODEBUG GOGC
step "go test, cgocheck2 and clobberfree" go test -count=1 -short -timeout 300s .
finish
