#!/bin/sh
# SPDX-License-Identifier: MIT
# The README's first commands, in a system that has nothing but make and git: what it promises to a newcomer. TESTS, a
# regular expression of test names, makes "make test" shorter.
#   scripts/check_fresh.sh
set -eu
name=check-fresh
source=$(cd "$(dirname "$0")/.." && pwd)
. "$source/scripts/chroot.sh"
require debootstrap

# The commands are those of the document, not a copy of them.
awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside && NF { sub(/ *#.*/, ""); print }' \
    "$source/README.md" >"$work/commands"
[ "$(grep -c '^make' "$work/commands")" -eq 2 ] || fail "the README does not begin with two commands of make"

fresh_system
quietly install inside apt-get install -y -qq --no-install-recommends make git
mount -t proc proc "$root/proc"
# The loopback interface is the host's, and so is its name service.
cp /etc/resolv.conf "$root/etc/resolv.conf"

if [ -e "$source/.git" ]; then
    step "cloning"
    quietly bundle git -C "$source" bundle create "$root/tmp/zcnet.bundle" HEAD
    quietly clone inside git clone -q /tmp/zcnet.bundle /root/zcnet
else
    step "unpacking the source archive"
    quietly unpack sh -c '"$1/scripts/dist.sh" "$2/tmp" && tar -xf "$2"/tmp/zcnet-*.tar.xz -C "$2/root" &&
        mv "$2"/root/zcnet-* "$2/root/zcnet"' sh "$source" "$root"
fi

number=0
while read -r command; do
    number=$((number + 1))
    step "$command"
    quietly "command$number" inside env ${TESTS:+TESTS="$TESTS"} sh -c "cd /root/zcnet && $command"
    grep -E '^skipped' "$work/command$number" || :
    tail -n 1 "$work/command$number"
done <"$work/commands"
tail -n 1 "$work/command1" | grep -q '^demo: success' || fail "the demo did not say that it succeeded"
tail -n 1 "$work/command2" | grep -Eq '^[1-9][0-9]* passed, 0 failed, [0-9]+ skipped$' || fail "the tests did not pass"
echo "$name: success"
