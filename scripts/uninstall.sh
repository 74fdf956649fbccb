#!/bin/sh
# SPDX-License-Identifier: MIT
# Removes what an install of this build put under a prefix: it installs into an empty folder and takes away the same
# files there, so that it needs no record of the install.
#   scripts/uninstall.sh BUILD PREFIX       DESTDIR from the environment
set -eu
build=$1 prefix=$2 root=${DESTDIR:-}
case $root in '' | /*) ;; *) root=$PWD/$root ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work cmake --install "$build" --prefix "$prefix" >/dev/null

cd "$work"
find . ! -type d | while read -r file; do rm -f "$root/${file#./}"; done
# Folders of ours go when they are empty; the deepest first.
find . -depth -type d -name zcnet | while read -r folder; do
    [ ! -d "$root/${folder#./}" ] || rmdir "$root/${folder#./}" 2>/dev/null || :
done
