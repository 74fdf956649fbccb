#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the source archive zcnet-VERSION.tar.xz, and prints where it is. The same state of the sources gives the same
# archive, and the archive made from an unpacked archive is that archive.
#   scripts/dist.sh FOLDER
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
LC_ALL=C
export LC_ALL
unset GIT_DIR GIT_WORK_TREE

version=$(awk '/define ZCN_VERSION_(MAJOR|MINOR|PATCH) / { text = text dot $3; dot = "." } END { print text }' \
    include/zcnet/version.h)
name=zcnet-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
list=$work/MANIFEST

# In a repository what it tracks, and the time of its commit. In an unpacked archive what its manifest names, and the time
# that all its files have; in a copy that has neither, everything that no build made.
if [ -e .git ]; then
    # Root in somebody's repository, or no git at all: what is in an archive is never a guess.
    git rev-parse --verify -q HEAD >/dev/null || {
        echo "dist: this is a repository, but git does not read it" >&2
        exit 1
    }
    git ls-files | while read -r file; do [ ! -f "$file" ] || echo "$file"; done >"$list"
    time=$(git log -1 --format=%ct)
    [ -z "$(git status --porcelain 2>/dev/null)" ] || echo "dist: there are changes that no commit has" >&2
elif [ -f MANIFEST ]; then
    cp MANIFEST "$list"
    time=$(stat -c %Y CHANGELOG.md)
else
    find . \( -path './build*' -o -path ./bench-results -o -name __pycache__ -o -path ./.git \) -prune \
        -o -type f ! -name '*.o' -print | sed 's|^\./||' >"$list"
    time=$(stat -c %Y CHANGELOG.md)
fi
sort -o "$list" "$list"
tar -cf - -C "$work" MANIFEST -C "$PWD" --files-from="$list" --transform="s|^|$name/|" --mtime="@$time" --mode=u=rwX,go=rX --owner=0 --group=0 \
    --numeric-owner --format=ustar | xz -9 --threads=1 >"$out/$name.tar.xz.part"
mv "$out/$name.tar.xz.part" "$out/$name.tar.xz"
echo "$out/$name.tar.xz"
