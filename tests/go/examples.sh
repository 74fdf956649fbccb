#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples in Go: with each other, with those in C, and with the tool.
#   examples.sh SOURCE BUILD SCRIPT      a script of tests/languages
. "$(dirname "$0")/common.sh"
mkdir "$work/go"
step "the examples build" go build -o "$work/go" ./examples/... || finish
ZCNET=$build/zcnet EXAMPLES=$build/bindings/c sh "$source/tests/languages/$3" Go "$work/go"
