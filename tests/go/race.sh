#!/bin/sh
# SPDX-License-Identifier: MIT
# The Go package under the race detector.
#   race.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
if ! GOFLAGS=$GOFLAGS go build -race -o "$work/probe" "$source/tests/go/probe.go" 2>"$work/why" || ! "$work/probe"; then
    echo "skipped: programs built with -race do not run here: $(tail -n 1 "$work/why")"
    exit 77
fi
step "go test -race" go test -count=1 -short -race -timeout 300s .
finish
