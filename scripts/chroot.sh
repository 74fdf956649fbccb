# SPDX-License-Identifier: MIT
# For the checks that need a system with nothing on it: a fresh chroot of this Debian, and its end.
# To be read by a script of sh that has set "name"; sets "work", and "root" once fresh_system was called.

# Without these a check cannot be made here: status 77, which is "skipped".
require() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "$name: SKIPPED: a chroot needs root"
        exit 77
    fi
    for tool; do
        command -v "$tool" >/dev/null && continue
        echo "$name: SKIPPED: $tool is not installed"
        exit 77
    done
}

step() { echo "== $*"; }
fail() {
    echo "$name: FAILED: $*" >&2
    exit 1
}
# quietly LOG COMMAND…: what it said is of interest when it fails.
quietly() {
    log=$work/$1
    shift
    if "$@" >"$log" 2>&1 </dev/null; then return; fi
    tail -n 40 "$log" >&2
    fail "$*"
}

work=$(mktemp -d)
root=$work/root
clean_up() {
    status=$?
    trap - EXIT
    # Whatever was mounted there must be gone before anything is removed.
    if grep -q " $work/" /proc/mounts; then
        awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
            umount "$mount"
        done
    fi
    if grep -q " $work/" /proc/mounts; then
        echo "$name: $work is left: something is still mounted there" >&2
    else
        rm -rf --one-file-system "$work"
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The system that this one is, from the mirror that this one uses.
fresh_system() {
    suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
    mirror=${MIRROR:-$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == suite { print $2; exit }')}
    [ -n "$mirror" ] || fail "no package source of this system has $suite; MIRROR= names one"
    step "a fresh $suite in a chroot"
    quietly debootstrap debootstrap --variant=minbase "$suite" "$root" "$mirror"
}
inside() { env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
# Files of the system, without what a package manager keeps about itself.
system_files() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./var/lib/apt \
        -o -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log \) -prune -o -print | LC_ALL=C sort)
}
