# SPDX-License-Identifier: MIT
# For the tests of the Go package: finds Go and the library of the build folder.
#   . common.sh SOURCE BUILD
set -u
source=$1 build=$2
. "$(dirname "$0")/../shared/work.sh"
faults=0

# Where Go's own installer puts it is often in nobody's PATH.
PATH=$PATH:/usr/local/go/bin
export PATH
# No other toolchain than the one that is here, and nothing from elsewhere: the package needs nothing.
GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-buildvcs=false
export GOTOOLCHAIN GOPROXY GOFLAGS
[ -n "${HOME-}" ] || [ -n "${GOCACHE-}" ] || { GOCACHE=$work/cache && export GOCACHE; }

have=$(go env GOVERSION 2>/dev/null) || have='no Go'
case $have in
    go1.2[4-9]* | go1.[3-9][0-9]* | go[2-9]*) ;;
    *)
        echo "skipped: Go 1.24 or later is needed, and there is $have. Install: apt-get install golang-go (Debian 13), or https://go.dev/doc/install"
        exit 77
        ;;
esac
[ "$(go env CGO_ENABLED)" = 1 ] || {
    echo "skipped: cgo is off (CGO_ENABLED). Install a C compiler, or set CGO_ENABLED=1"
    exit 77
}

PKG_CONFIG_PATH=$build/pkgconfig LD_LIBRARY_PATH=$build
export PKG_CONFIG_PATH LD_LIBRARY_PATH
package=$source/bindings/go
cd "$package" || exit 1

# step NAME COMMAND…: runs it and shows what it said when it fails.
step() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name: $*"
        tail -n 100 "$work/said"
        faults=$((faults + 1))
        return 1
    fi
}

# silent NAME COMMAND…: it must say nothing, too.
silent() {
    name=$1
    shift
    "$@" >"$work/said" 2>&1 && [ ! -s "$work/said" ] && echo "ok      $name" && return
    echo "FAILED  $name: $*"
    tail -n 100 "$work/said"
    faults=$((faults + 1))
}

finish() {
    echo "$faults faults"
    [ "$faults" -eq 0 ]
    exit
}
