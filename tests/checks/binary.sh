#!/bin/sh
# SPDX-License-Identifier: MIT
# How the shared library was linked: its name, what it needs, what runs when it is loaded, what a loader may do to it.
#   binary.sh LIBRARY SONAME
set -eu
library=$1 soname=$2
dynamic=$(readelf -dW "$library")
faults=0
fault() {
    echo "$1"
    faults=$((faults + 1))
}

echo "$dynamic" | grep -q "SONAME.*\[$soname\]" || fault "its soname is not $soname"
# libm may come along with the C++ library, ld-linux with thread-local storage, libpthread with older C libraries.
needed=$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for name in $needed; do
    case $name in
        libstdc++.so.* | libgcc_s.so.* | libc.so.* | libm.so.* | libpthread.so.* | ld-linux*.so.*) ;;
        *) fault "it needs $name" ;;
    esac
done
# What the linker optimises as a whole may need nothing of libgcc_s itself.
for name in libstdc++.so. libc.so.; do
    case "$needed" in
        *"$name"*) ;;
        *) fault "it does not name what it needs of $name*" ;;
    esac
done
echo "$dynamic" | grep -Eq 'FLAGS_1.*NODELETE' || fault "it can be unloaded: NODELETE is not set"
echo "$dynamic" | grep -Eq 'FLAGS_1.*NOW|BIND_NOW' || fault "symbols are bound late: NOW is not set"
if echo "$dynamic" | grep -Eq 'RPATH|RUNPATH'; then fault "it has a run path"; fi
if echo "$dynamic" | grep -q TEXTREL; then fault "its code has relocations"; fi
segments=$(readelf -lW "$library")
echo "$segments" | grep -q GNU_RELRO || fault "it has no GNU_RELRO segment"
if echo "$segments" | grep -Eq 'GNU_STACK.*RWE'; then fault "its stack is executable"; fi

# The one entry is the toolchain's own (frame_dummy). A global constructor of ours would be the second.
word=8
readelf -h "$library" | grep -q ELF32 && word=4
size=$(readelf -SW "$library" | sed -n 's/.*\.init_array *INIT_ARRAY *[0-9a-f]* *[0-9a-f]* *\([0-9a-f]*\) .*/\1/p')
entries=$((0x${size:-0} / word))
[ "$entries" -eq 1 ] || fault "it has $entries init_array entries, not one: a global constructor"
if readelf -SW "$library" | grep -q '\.ctors'; then fault "it has a .ctors section"; fi

echo "needs:" $needed
echo "$faults faults"
[ "$faults" -eq 0 ]
