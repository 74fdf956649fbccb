#!/bin/sh
# SPDX-License-Identifier: MIT
# What the package's README tells a newcomer to do, word for word, in an empty folder.
#   first_steps.sh SOURCE BUILD LIBDIR
libdir=$3
. "$(dirname "$0")/common.sh"
. "$source/tests/shared/work.sh"
. "$source/tests/shared/readme.sh"
unset ZCNET_LIBRARY PYTHONPATH
readme=$source/bindings/python/README.md
block sh "$readme" >"$work/commands"
few "$work/commands" 1 || exit 1
run='PYTHONPATH=bindings/python python3 hello.py'
wanted=$(printed "$readme" "$run")
[ -n "$wanted" ] || { echo "the README does not say what '$run' prints" && exit 1; }

no_root "$work/bin" "$build" "$work/prefix"
ln -s "$(command -v "$python")" "$work/bin/python3"
mkdir "$work/checkout" && cd "$work/checkout" && ln -s "$source/bindings" bindings || exit 1
PATH=$work/bin:$PATH LD_LIBRARY_PATH=$work/prefix/$libdir
export PATH LD_LIBRARY_PATH
(set -e && . "$work/commands") >"$work/installed" || { cat "$work/installed" && exit 1; }
block python "$readme" >hello.py
said=$(timeout 60 sh -c "$run") && [ "$said" = "$wanted" ] && echo "it prints $said" && exit 0
echo "FAILED: it prints '$said', not '$wanted'"
exit 1
