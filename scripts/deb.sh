#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Debian packages, source and binary, from the source archive.
#   scripts/deb.sh FOLDER       what is built is left in FOLDER, which is emptied before
# DEB_BUILD_OPTIONS=nocheck leaves the tests out.
set -eu
cd "$(dirname "$0")/.."
rm -rf "$1"
archive=$(scripts/dist.sh "$1")
name=$(basename "$archive" .tar.xz)
cd "$1"
mv "$archive" "$(echo "$name" | tr - _).orig.tar.xz"
tar -xf ./*.orig.tar.xz
cd "$name"

# The library's version has one home; a package of another is a mistake.
package=$(dpkg-parsechangelog -S Version)
if [ "zcnet-${package%-*}" != "$name" ]; then
    echo "deb: debian/changelog is about version $package, the sources are $name" >&2
    exit 1
fi
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD DESTDIR
DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} parallel=${JOBS:-2}"
export DEB_BUILD_OPTIONS
if ! dpkg-buildpackage -us -uc >../build.log 2>&1; then
    tail -n 50 ../build.log >&2
    exit 1
fi
cd ..
ls ./*.deb | sed 's|^\./|deb: |'
