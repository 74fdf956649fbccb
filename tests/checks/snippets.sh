#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles and runs the complete programs (those with a main) of a document's C and C++ blocks, against the build tree.
# What has no main, functions and declarations, is compiled behind the headers that such a piece can take for granted.
#   snippets.sh DOCUMENT BUILD
# A program has to end by itself with status 0. One that serves is preceded by a line
#   <!-- try: zcnet ping ADDRESS --framing … -->
# It then listens on a Unix socket in the place of the tcp:// address that it names, and is tried with that command.
set -u
document=$1 build=$(cd "$2" && pwd)
if [ ! -f "$document" ]; then
    echo "there is no $document"
    exit 77
fi
work=$(mktemp -d) || exit 1
server=
clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

awk -v work="$work" '
/^```(c|cpp|c\+\+)[ \t]*$/ {
    file = sprintf("%s/block%02d.%s", work, ++count, $0 ~ /^```c[ \t]*$/ ? "c" : "cpp")
    place = NR
    text = ""
    complete = 0
    inside = 1
    next
}
/^```/ {
    if (inside && !complete) sub(/block/, "piece", file)
    if (inside) {
        printf "%s", text >file
        printf "%d\n%s\n", place, try >(file ".about")
    }
    inside = 0
    try = ""
    next
}
inside {
    text = text $0 "\n"
    if ($0 ~ /^int main\(/) complete = 1
    next
}
match($0, /^<!-- try: .* -->$/) { try = substr($0, 11, RLENGTH - 14); next }
$0 != "" { try = "" }' "$document"

PKG_CONFIG_PATH=$build/pkgconfig
LD_LIBRARY_PATH=$build
PATH=$build:$PATH
export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
flags=$(pkg-config --cflags --libs libzcnet) || exit 1
cd "$work" || exit 1

# tried COMMAND…: succeeds before the deadline; the server may still be on its way.
tried() {
    end=$(($(date +%s) + 60))
    until timeout 30 "$@"; do
        kill -0 "$server" 2>/dev/null || return
        [ "$(date +%s)" -lt "$end" ] || return
        sleep 0.1
    done
}

programs=0 faults=0
fault() {
    echo "FAILED  $1"
    cat "$work/said"
    faults=$((faults + 1))
}
for source in "$work"/block*.c "$work"/block*.cpp; do
    [ -f "$source" ] || continue
    programs=$((programs + 1))
    name="$(basename "$document"), line $(sed -n 1p "$source.about")"
    try=$(sed -n 2p "$source.about")
    socket=$work/socket$programs
    [ -z "$try" ] || sed -i "s|\"tcp://[^\"]*\"|\"unix://$socket\"|" "$source"
    case $source in
        *.c) compiler="${CC:-cc} -std=gnu11" ;;
        *) compiler="${CXX:-c++} -std=c++20" ;;
    esac
    if ! $compiler -Wall -Wextra -Werror "$source" $flags -o "$work/program$programs" >"$work/said" 2>&1; then
        fault "$name does not compile"
    elif [ -z "$try" ]; then
        timeout 60 "$work/program$programs" >"$work/said" 2>&1 && echo "ok      $name" || fault "$name"
    else
        "$work/program$programs" >"$work/served" 2>&1 &
        server=$!
        if tried $(echo "$try" | sed "s|ADDRESS|unix://$socket|") >"$work/said" 2>&1; then
            echo "ok      $name: $try"
        else
            fault "$name: $try"
        fi
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
        server=
    fi
done
pieces=0
for source in "$work"/piece*.c "$work"/piece*.cpp; do
    [ -f "$source" ] || continue
    pieces=$((pieces + 1))
    name="$(basename "$document"), line $(sed -n 1p "$source.about")"
    case $source in
        *.c)
            compiler="${CC:-cc} -std=gnu11"
            headers='errno fcntl limits poll pthread stdio stdlib string unistd zcnet/zcnet'
            for header in $headers; do echo "#include <$header.h>"; done >"$work/whole.c"
            ;;
        *)
            compiler="${CXX:-c++} -std=c++20"
            for header in cstdio iostream string vector zcnet/zcnet.hpp; do echo "#include <$header>"; done >"$work/whole.cpp"
            ;;
    esac
    whole=$work/whole.${source##*.}
    cat "$source" >>"$whole"
    if $compiler -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only $flags "$whole" >"$work/said" 2>&1; then
        echo "ok      $name compiles"
    else
        fault "$name does not compile"
    fi
done
echo "$programs programs, $pieces pieces, $faults faults"
if [ "$programs" -eq 0 ]; then
    echo "$document has no complete program"
    exit 77
fi
[ "$faults" -eq 0 ]
