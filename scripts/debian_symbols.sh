#!/bin/sh
# SPDX-License-Identifier: MIT
# The symbols file of libzcnet0 from the symbol map: what is in the node ZCNET_x.y is there since version x.y.
#   scripts/debian_symbols.sh MAP
set -eu
echo 'libzcnet.so.0 libzcnet0 #MINVER#'
echo '* Build-Depends-Package: libzcnet-dev'
awk '
/^ZCNET_[0-9.]+ *{/ {
    node = $1
    sub(/{.*/, "", node)
    version = substr(node, 7)
    print node "@" node, version
}
/^ +zcn_[a-z0-9_]+;/ {
    name = $1
    sub(/;.*/, "", name)
    print name "@" node, version
}' "$1" | LC_ALL=C sort | sed 's/^/ /'
