#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages as people meet them: lintian has nothing to say; in a fresh system they install, a program is
# compiled, linked both ways and runs, the manual reads well, and nothing is left when they are purged; autopkgtest.
#   scripts/check_deb.sh FOLDER       where scripts/deb.sh has built
set -eu
name=check-deb
packages=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/scripts/chroot.sh"
require debootstrap lintian autopkgtest

step "lintian"
# Every tag counts, down to the pedantic ones.
lintian --allow-root --pedantic --display-info "$packages"/*.changes >"$work/lintian" 2>&1 || :
if [ -s "$work/lintian" ]; then
    cat "$work/lintian" >&2
    fail "lintian has something to say"
fi

fresh_system
quietly compilers inside apt-get install -y -qq --no-install-recommends g++ pkg-config mandoc
system_files >"$work/before"

step "installing"
mkdir "$root/tmp/packages"
for package in libzcnet0 libzcnet-dev zcnet-tools; do cp "$packages/$package"_*.deb "$root/tmp/packages"; done
quietly install inside sh -c 'apt-get install -y -qq --no-install-recommends /tmp/packages/*.deb'

step "compiling and running"
mkdir "$root/tmp/program"
cp "$source/docs/man/examples/zcnet.c" "$source/docs/man/examples/zcnet.sh" "$root/tmp/program"
cat >"$root/tmp/program/run" <<'END'
set -eu
cd /tmp/program
cc -Wall -Wextra -Werror zcnet.c $(pkg-config --cflags --libs libzcnet) -o dynamic
cc -Wall -Wextra -Werror zcnet.c $(pkg-config --cflags --libs libzcnet-static) -o static
[ "$(timeout 60 ./dynamic)" = "there and back" ]
[ "$(timeout 60 ./static)" = "there and back" ]
timeout 60 sh -e zcnet.sh
# Now every page that another refers to is there: no exception is made.
for page in $(dpkg -L libzcnet-dev zcnet-tools | grep '/man/.*\.gz$'); do
    [ -L "$page" ] || mandoc -T lint "$page"
done
END
quietly run inside sh /tmp/program/run
! readelf -dW "$root/tmp/program/static" | grep -q libzcnet || fail "the program with the archive needs the library"

step "purging"
# With what came along for them: the HTTP parser of the tool.
quietly purge inside apt-get purge -y -qq --autoremove libzcnet0 libzcnet-dev zcnet-tools
rm -r "$root/tmp/packages" "$root/tmp/program"
system_files >"$work/after"
diff "$work/before" "$work/after" >"$work/left" || {
    cat "$work/left" >&2
    fail "the system is not what it was"
}

step "autopkgtest"
quietly autopkgtest autopkgtest -q "$packages"/libzcnet0_*.deb "$packages"/libzcnet-dev_*.deb \
    "$packages"/zcnet-tools_*.deb "$packages"/zcnet_*.dsc -- chroot "$root"
grep -E '^[a-z-]+ +(PASS|SKIP|FAIL)' "$work/autopkgtest"
echo "$name: success"
