#!/bin/sh
# SPDX-License-Identifier: MIT
# The checks themselves: each is given a fault and has to find it, and the same without the fault and has to pass.
#   seeded.sh SOURCE BUILD
set -u
source=$1 build=$2
checks=$source/tests/checks
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
faults=0

# passes NAME COMMAND…
passes() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok      passes: $name"
    else
        echo "FAILED  passes: $name"
        cat "$work/said"
        faults=$((faults + 1))
    fi
}

# finds WORDS COMMAND…: the command fails and says the words (a regular expression).
finds() {
    words=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "FAILED  not found: $words"
        faults=$((faults + 1))
    elif grep -Eq -e "$words" "$work/said"; then
        echo "ok      found: $words"
    else
        echo "FAILED  found something else than: $words"
        cat "$work/said"
        faults=$((faults + 1))
    fi
}

# Layers: a small house, and one wrong line at a time.
house=$work/src
seed_layer() {
    finds "$1" sh -c "printf '%s\n' '$3' >>'$house/$2' && '$checks/layers.sh' '$house'"
    printf '#include "base/base.h"\n' >"$house/$2"
}
for room in base os memory framing receive send io net api tools; do
    mkdir -p "$house/$room"
    printf '#include <cstdint>\n' >"$house/$room/$room.h"
done
printf '#include "os/os.h"\n  #  include "base/base.h"\n#include "memory/memory.h"\n' >"$house/memory/memory.cpp"
printf '#include "net/net.h"\n#include "zcnet/status.h"\n' >"$house/api/api.cpp"
printf '#include <zcnet/zcnet.h>\n#include "tools/tools.h"\n' >"$house/tools/tools.cpp"
passes "a house in order" "$checks/layers.sh" "$house"
seed_layer 'base.*may not include os/' base/base.cpp '#include "os/os.h"'
seed_layer 'os.*may not include memory/' os/os.cpp '#include "memory/memory.h"'
seed_layer 'memory.*may not include framing/' memory/other.cpp '#include "framing/framing.h"'
seed_layer 'framing.*may not include receive/' framing/framing.cpp '#  include <receive/receive.h>'
seed_layer 'receive.*may not include send/' receive/receive.cpp '#include "send/send.h"'
seed_layer 'send.*may not include receive/' send/send.cpp '#include "receive/receive.h"'
seed_layer 'receive.*may not include io/' receive/receive.cpp '#include "io/io.h"'
seed_layer 'io.*may not include net/' io/io.cpp '#include "net/net.h"'
seed_layer 'net.*may not include api/' net/net.cpp '#include "api/api.h"'
seed_layer 'a path that walks' net/net.cpp '#include "../api/api.h"'
seed_layer 'no room of src holds' net/net.cpp '#include "elsewhere/file.h"'
seed_layer 'no descriptor, clock or thread' send/send.cpp '#include <sys/socket.h>'
seed_layer 'no descriptor, clock or thread' receive/receive.cpp '#include <mutex>'
seed_layer 'system calls stand in src/os' net/net.cpp '#include <unistd.h>'
rm -r "$house"/*/*.cpp
printf '#include "base/base.h"\n' >"$house/tools/tools.cpp"
finds 'tools may not include base/' "$checks/layers.sh" "$house"
mkdir "$work/empty"
finds 'no include was found' "$checks/layers.sh" "$work/empty"

# Headers that lean on others.
mkdir "$work/headers"
printf '#include <stddef.h>\nsize_t fine(void);\n' >"$work/headers/fine.h"
passes "a header that stands alone" "$checks/headers.sh" "$work/headers" c "${CC:-cc}" -std=c99
printf 'size_t leans(void);\n' >"$work/headers/leans.h"
finds 'leans.h does not compile alone' "$checks/headers.sh" "$work/headers" c "${CC:-cc}" -std=c99
printf '#include <stddef.h>\nstruct twice { int field; };\n' >"$work/headers/leans.h"
finds 'leans.h does not compile alone' "$checks/headers.sh" "$work/headers" c "${CC:-cc}" -std=c99
finds '0 headers' "$checks/headers.sh" "$work/empty" c "${CC:-cc}" -std=c99

# Symbols and binaries: small libraries, linked as they should be and not.
mkdir -p "$work/include/zcnet"
printf '#define ZCN_API\nZCN_API int\nzcn_one(int x);\nZCN_API void zcn_two(void);\n' >"$work/include/zcnet/zcnet.h"
printf '/* a; map { */\nZ_0.1 {\nglobal:\n    zcn_one;\nlocal:\n    *;\n};\nZ_0.2 { global: zcn_two; } Z_0.1;\n' >"$work/map"
printf 'int zcn_one(int x) { return x; }\nvoid zcn_two(void) {}\nvoid zcn_three(void) {}\n' >"$work/library.c"
link_library() {
    "${CXX:-c++}" -shared -fPIC -o "$work/library.so" "$@" -Wl,-soname,library.so.0 -Wl,--no-as-needed -lgcc_s
}
linked_well="-x c $work/library.c -x none -Wl,--version-script=$work/map -Wl,-z,relro,-z,now,-z,nodelete"
passes "linking" link_library $linked_well
passes "symbols that agree" "$checks/symbols.sh" "$work/include" "$work/map" "$work/library.so"
passes "a library that is linked well" "$checks/binary.sh" "$work/library.so" library.so.0
finds 'soname is not other.so.0' "$checks/binary.sh" "$work/library.so" other.so.0

passes "linking without a map" link_library -x c "$work/library.c"
finds 'in the library, not in the map: zcn_three' "$checks/symbols.sh" "$work/include" "$work/map" "$work/library.so"
finds 'NODELETE is not set' "$checks/binary.sh" "$work/library.so" library.so.0
sed 's/zcn_two;//' "$work/map" >"$work/map.short"
finds 'in the headers, not in the map: zcn_two' "$checks/symbols.sh" "$work/include" "$work/map.short" "$work/library.so"
sed 's/zcn_one;/zcn_one; zcn_one; zcn_four;/' "$work/map" >"$work/map.long"
finds 'in the map, not in the headers: zcn_four' "$checks/symbols.sh" "$work/include" "$work/map.long" "$work/library.so"
finds 'twice in the map: zcn_one' "$checks/symbols.sh" "$work/include" "$work/map.long" "$work/library.so"
printf 'int other(void) { return 1; }\n' >>"$work/library.c"
passes "linking a foreign name" link_library -x c "$work/library.c"
finds 'foreign name in the library: other' "$checks/symbols.sh" "$work/include" "$work/map" "$work/library.so"

passes "linking with a run path" link_library $linked_well -Wl,-rpath,/somewhere
finds 'it has a run path' "$checks/binary.sh" "$work/library.so" library.so.0
passes "linking with an executable stack" link_library $linked_well -Wl,-z,execstack
finds 'stack is executable' "$checks/binary.sh" "$work/library.so" library.so.0
passes "linking lazily" link_library -x c "$work/library.c" -x none -Wl,-z,lazy,-z,nodelete
finds 'bound late' "$checks/binary.sh" "$work/library.so" library.so.0
passes "linking another library" link_library $linked_well -Wl,--no-as-needed -lresolv
finds 'it needs libresolv' "$checks/binary.sh" "$work/library.so" library.so.0
printf '#include <string>\nstd::string word("one that is long enough for the heap");\n' >"$work/global.cpp"
passes "linking a global constructor" link_library -Wl,-z,now,-z,nodelete "$work/global.cpp"
finds 'a global constructor' "$checks/binary.sh" "$work/library.so" library.so.0

# The seam.
seam() {
    rm -f "$work/archive.a"
    printf '%s\n' "$1" | "${CC:-cc}" -w -x c - -c -o "$work/linux.cpp.o" &&
        printf '%s\n' "$2" | "${CC:-cc}" -w -x c - -c -o "$work/other.cpp.o" &&
        ar cr "$work/archive.a" "$work/linux.cpp.o" "$work/other.cpp.o" && "$checks/seam.sh" "$work/archive.a"
}
passes "calls behind the seam" seam 'void f(void) { close(1); }' 'void g(void) { f(); }'
finds 'other.cpp.o refers to close' seam 'void f(void) { close(1); }' 'void g(void) { close(2); }'
finds 'refers to no system call' seam 'void f(void) {}' 'void g(void) {}'

# Documents.
document() {
    printf '%s\n' "$@" >"$work/document.md"
    "$checks/snippets.sh" "$work/document.md" "$build"
}
passes "a program of a document" document '```c' '#include <zcnet/zcnet.h>' \
    'int main(void) { return zcn_version() != ZCN_VERSION_NUMBER; }' '```'
finds 'line 2 does not compile' document 'Text' '```c' 'int main(void) { return nothing; }' '```'
finds 'FAILED  document.md, line 1' document '```c' 'int main(void) { return 1; }' '```'
finds 'document.md, line 4 does not compile' document '```c' 'int main(void) { return 0; }' '```' '```c' \
    'int piece(void) { return nowhere(); }' '```'
finds 'has no complete program' document '```c' 'int fragment;' '```'

# The manual: a header and its page, and what may be missing from them.
mkdir -p "$work/manual/zcnet" "$work/pages"
printf 'ZCNET_0.1 {\nglobal:\n    zcn_thing_do;\nlocal:\n    *;\n};\n' >"$work/manual/map"
cat >"$work/tool" <<'END'
#!/bin/sh
[ "$1" = --help ] && printf 'usage: zcnet VERB\n\n  act   act at once\n' && exit
printf 'usage: zcnet act ADDR\n\nActs.\n\noptions:\n  --fast N    be fast\n  --help      this text\n'
END
chmod +x "$work/tool"
# header LINE…: the header of the one noun that there is, with these lines as the comment of its function.
header() {
    {
        printf '/* Things: they do something. */\n/**\n'
        printf ' * %s\n' "$@"
        printf ' */\nZCN_API int zcn_thing_do(int what);\n'
    } >"$work/manual/zcnet/thing.h"
}
make_pages() {
    rm -rf "$work/pages"
    mkdir -p "$work/pages/man1" "$work/pages/man3" "$work/pages/man7"
    printf '%s\n' '.Dd November 1, 2026' '.Dt ZCNET 7' .Os '.Sh NAME' '.Nm zcnet' '.Nd acts' '.Sh DESCRIPTION' \
        '.Bl -tag -width Ds' '.It Xr zcn_thing 3' 'does something' .El '.Sh SEE ALSO' '.Xr zcn_thing 3' >"$work/pages/man7/zcnet.7"
    LC_ALL=C awk -v out="$work/pages/man3" -v examples="$work" -v date="November 1, 2026" -f "$source/scripts/mdoc.awk" \
        -f "$source/scripts/man.awk" "$work/manual/zcnet/thing.h" &&
        "$work/tool" act --help | LC_ALL=C awk -v part=description -f "$source/scripts/mdoc.awk" \
            -f "$source/scripts/tool_man.awk" >"$work/pages/man1/zcnet.1" &&
        sed -i '1i .Dd November 1, 2026\n.Dt ZCNET 1\n.Os\n.Sh NAME\n.Nm zcnet\n.Nd acts\n.Sh VERBS' \
            "$work/pages/man1/zcnet.1" &&
        sed -i '/^.Xr zcnet 7/s/.*/.Xr zcnet 1/' "$work/pages/man3/zcn_thing.3"
}
manual() { "$checks/manual.sh" "$work/pages" "$work/manual" "$work/manual/map" "$work/tool"; }
header 'Do it.' '' '@param what  a number' '@return 0' '@since 0.1'
passes "making pages" make_pages
if command -v mandoc >/dev/null; then passes "a manual in order" manual; fi
sed -i '/^\.It Xr/d' "$work/pages/man7/zcnet.7"
finds 'zcnet.7. does not name zcn_thing' manual
passes "making pages anew" make_pages
sed -i 's/Do it/Do all of it/' "$work/manual/zcnet/thing.h"
finds "thing.h says 'all', its page does not" manual
printf 'ZCN_API int zcn_thing_undo(int what);\n' >>"$work/manual/zcnet/thing.h"
sed -i 's/zcn_thing_do;/&\n    zcn_thing_undo;/' "$work/manual/map"
finds 'zcn_thing_undo has no page' manual
sed -i '/zcn_thing_undo/d' "$work/manual/map"
passes "making pages with another function" make_pages
finds 'zcn_thing_undo has a page, and is no public name' manual
header 'Do it.' '' '@param what  a number' '@return 0' '@since 0.1'
passes "making pages again" make_pages
sed -i 's/--fast/--slow/' "$work/tool"
finds 'zcnet.1. does not have --slow of act' manual
sed -i 's/--slow/--fast/' "$work/tool"
sed -i 's/^\.Sh DESCRIPTION/.Sh DESCRIPTION\n.Xy/' "$work/pages/man3/zcn_thing.3"
if command -v mandoc >/dev/null; then finds 'unknown macro' manual; fi
header 'Do it.' '' '@param what' '@return 0'
finds 'nothing is said of the parameter what' make_pages
header 'Do it.' '' '@whatever it is'
finds '@whatever has no place in a page' make_pages
printf '/* Things. */\nZCN_API int zcn_thing_do(int what);\n' >"$work/manual/zcnet/thing.h"
finds 'zcn_thing_do has no comment' make_pages

# Valgrind's wrapper.
cat >"$work/bad.c" <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words) {
    char *volatile memory = malloc(8);
    int what = count > 1 ? words[1][0] : 0;
    if (what == 'd') open("/dev/null", O_RDONLY);
    if (what == 'e' && memory[0] == 7) return 3;
    if (what == 'c') {
        pid_t child = fork();
        if (child == 0) _exit(memory[0] == 7 ? 3 : 0);
        waitpid(child, NULL, 0);
    }
    if (what == 's') {
        free(memory);
        return 77;
    }
    if (what == 'l') memory = NULL;
    free(memory);
    return 0;
}
END
if command -v valgrind >/dev/null; then
    passes "compiling the bad program" "${CC:-cc}" -g -w "$work/bad.c" -o "$work/bad"
    passes "memory in order" "$checks/memcheck.sh" "$work/bad"
    finds 'definitely lost' "$checks/memcheck.sh" "$work/bad" leak
    finds 'depends on uninitialised' "$checks/memcheck.sh" "$work/bad" error
    finds 'depends on uninitialised' "$checks/memcheck.sh" "$work/bad" child
    finds '1 descriptors are open' "$checks/memcheck.sh" "$work/bad" descriptor
    "$checks/memcheck.sh" "$work/bad" skip >"$work/said" 2>&1
    status=$?
    passes "a skip stays a skip" test $status -eq 77
fi

# The counting of results: every way in which a test can end.
mkdir "$work/suite"
cat >"$work/suite/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(suite NONE)
enable_testing()
foreach(name good cases crash status hang skip missing)
    add_test(NAME ${name} COMMAND sh ${CMAKE_SOURCE_DIR}/run.sh ${name})
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 30)
endforeach()
set_tests_properties(hang PROPERTIES TIMEOUT 1)
add_test(NAME absent COMMAND ${CMAKE_SOURCE_DIR}/absent)
END
cat >"$work/suite/run.sh" <<'END'
case $1 in
    cases)
        for i in 1 2 3 4 5; do echo "[       OK ] test_$i"; done
        echo "[  SKIPPED ] test_6"
        echo "[  FAILED  ] test_7"
        echo "[  FAILED  ] tests: 1 test(s), listed below:"
        echo "[  FAILED  ] test_7"
        exit 1
        ;;
    crash) echo "[       OK ] test_1"; kill -SEGV $$ ;;
    status) exit 3 ;;
    hang) exec sleep 100 ;;
    skip) echo "no such network here"; exit 77 ;;
esac
END
count() {
    cmake -S "$work/suite" -B "$work/suite/build" >/dev/null
    ctest --test-dir "$work/suite/build" --parallel 4 --output-on-failure >"$work/printed"
    awk -f "$source/scripts/count.awk" "$work/printed" "$work/suite/build/Testing/Temporary/LastTest.log"
}
# passed: good, missing, five cases, one before the crash; failed: a case, crash, status, hang, absent.
count >"$work/counted" 2>&1
passes "counts of results" grep -qx '8 5 2' "$work/counted"
for line in 'skipped skip: no such network here' 'skipped cases test_6' 'failed crash' 'failed hang' 'failed absent' \
    'failed status' 'failed cases'; do
    passes "results name: $line" grep -qx "$line" "$work/counted"
done

echo "$faults faults"
[ "$faults" -eq 0 ]
