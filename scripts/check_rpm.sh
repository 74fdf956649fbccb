#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the RPM packages from the source archive and looks at what they hold: each file in one package, the symbols'
# versions provided, and a program that is compiled and linked both ways with what was unpacked.
#   scripts/check_rpm.sh FOLDER
# On a system without the macros that Fedora builds CMake projects with they are given here. NOCHECK=1 leaves the
# library's tests out: they are neither built nor run.
set -eu
rm -rf "$1"
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
fail() {
    echo "check-rpm: FAILED: $*" >&2
    exit 1
}

scripts/dist.sh "$out/SOURCES" >/dev/null
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD DESTDIR
set -- --define "_topdir $out" ${NOCHECK:+--without tests}
[ -e /etc/fedora-release ] || set -- "$@" --nodeps
if [ "$(rpm --eval %cmake_build)" = %cmake_build ]; then
    set -- "$@" --define 'cmake cmake -B build-rpm -DCMAKE_INSTALL_PREFIX=%{_prefix} -DCMAKE_INSTALL_LIBDIR=%{_libdir}' \
        --define "cmake_build cmake --build build-rpm --parallel ${JOBS:-2}" \
        --define 'cmake_install DESTDIR=%{buildroot} cmake --install build-rpm' \
        --define 'ctest ctest --test-dir build-rpm --output-on-failure' --define 'debug_package %{nil}'
fi
rpmbuild "$@" -ba packaging/rpm/zcnet.spec >"$out/build.log" 2>&1 || {
    tail -n 40 "$out/build.log" >&2
    fail "rpmbuild"
}
# Files that are installed and in no package stop rpmbuild; files in two packages only make it warn.
! grep -i 'file listed twice' "$out/build.log" || fail "a file is in two packages"

packages=$(find "$out/RPMS" -name '*.rpm' | grep -v -e debuginfo -e debugsource)
names=$(rpm -qp --queryformat '%{NAME} ' $packages | tr ' ' '\n' | sort | tr '\n' ' ')
[ "$names" = "zcnet-devel zcnet-libs zcnet-static zcnet-tools " ] || fail "the packages are: $names"
rpm -qp --provides "$out"/RPMS/*/zcnet-libs-*.rpm | grep -q '^libzcnet\.so\.0(ZCNET_0\.1)' ||
    fail "the library's package does not provide the version of its symbols"
rpm -qp --requires "$out"/RPMS/*/zcnet-tools-*.rpm | grep -q '^libzcnet\.so\.0(ZCNET_0\.1)' ||
    fail "the tool's package does not require the version of the symbols"

mkdir "$out/root"
for package in $packages; do (cd "$out/root" && rpm2cpio "$package" | cpio -idm --quiet); done
libdir=$(rpm --eval %_libdir)
for library in libzcnet libzcnet-static; do
    flags=$(PKG_CONFIG_SYSROOT_DIR=$out/root PKG_CONFIG_LIBDIR=$out/root$libdir/pkgconfig pkg-config --cflags --libs $library)
    ${CC:-cc} docs/man/examples/zcnet.c $flags -o "$out/program" || fail "$library: the program does not compile"
    [ "$(LD_LIBRARY_PATH=$out/root$libdir timeout 60 "$out/program")" = "there and back" ] || fail "$library: it does not run"
done
echo "$packages" | sed 's|.*/|rpm: |'
echo "check-rpm: success"
