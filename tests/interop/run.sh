#!/bin/sh
# SPDX-License-Identifier: MIT
# Real programs talk through zcnet relay and notice nothing but the address.
#   run.sh BUILD [NAME…]
set -u
here=$(dirname "$0")
ZCNET=$(cd "$1" && pwd)/zcnet
export ZCNET
shift
[ $# -gt 0 ] || set -- postgresql mosquitto redis memcached nginx
failed=
for name; do timeout 600 sh "$here/$name.sh" || failed="$failed $name"; done
[ -z "$failed" ] || {
    echo "interop: these failed:$failed"
    exit 1
}
echo 'interop: every program worked through the relay'
