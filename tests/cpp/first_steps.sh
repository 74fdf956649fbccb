#!/bin/sh
# SPDX-License-Identifier: MIT
# What the README of the C++ headers tells a newcomer to do, word for word, in an empty folder.
#   first_steps.sh SOURCE BUILD LIBDIR
source=$1 build=$2 libdir=$3
. "$source/tests/install/common.sh"
. "$source/tests/shared/readme.sh"
readme=$source/bindings/cpp/README.md
block sh "$readme" >"$work/commands"
step "no more than five commands" few "$work/commands" 0

no_root "$work/bin" "$build" "$work/prefix"
newcomer() (
    mkdir "$work/empty" && cd "$work/empty" && block cpp "$readme" >hello.cpp || exit 1
    PATH=$work/bin:$PATH PKG_CONFIG_PATH=$work/prefix/$libdir/pkgconfig LD_LIBRARY_PATH=$work/prefix/$libdir
    export PATH PKG_CONFIG_PATH LD_LIBRARY_PATH
    set -e
    . "$work/commands" >"$work/printed"
)
step "the README's commands" newcomer
same "it prints what the README says" "$(printed "$readme" ./hello)" "$(tail -n 1 "$work/printed")"
finish
