#!/bin/sh
# SPDX-License-Identifier: MIT
# The Go package: its form, its tests, and its tests once more in the debug mode.
#   package.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"

silent "gofmt" gofmt -l .
for tags in '' zcnet_debug; do
    silent "go vet${tags:+ -tags $tags}" go vet -tags "$tags" ./...
done
# Every exported name is explained: what `go doc` shows has a comment before it.
undocumented() {
    go doc -all . >"$work/doc" || return
    awk '/^(func|type) / { name = $0; getline; if ($0 !~ /^    / && name !~ /\{$/) { print name; bad = 1 } } END { exit bad }' "$work/doc"
}
silent "exported names have comments" undocumented
if command -v staticcheck >/dev/null; then
    silent "staticcheck" staticcheck ./...
else
    echo "        staticcheck is not here: go install honnef.co/go/tools/cmd/staticcheck@latest"
fi
step "go test" go test -count=1 -timeout 200s ./...
step "go test, debug mode" go test -count=1 -short -timeout 200s -tags zcnet_debug .
finish
