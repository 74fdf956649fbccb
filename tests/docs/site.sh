#!/bin/sh
# SPDX-License-Identifier: MIT
# The site is made without a complaint, and the one who makes it finds what is wrong: a link that leads nowhere, a
# function that does not exist.
#   site.sh SOURCE BUILD OUT
set -eu
source=$1 build=$2 out=$3
for tool in mandoc cmark-gfm; do
    command -v $tool >/dev/null && continue
    echo "$tool is not installed"
    exit 77
done
"$source/scripts/docs.sh" "$build" "$out"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
for part in docs scripts include bindings LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md; do
    cp -R "$source/$part" "$work/source"
done
# seeded WORDS TEXT: a text that is added to a document is complained of with these words.
seeded() {
    cp "$source/SECURITY.md" "$work/source/SECURITY.md"
    printf '\n%s\n' "$2" >>"$work/source/SECURITY.md"
    if "$work/source/scripts/docs.sh" "$build" "$work/out" >"$work/said" 2>&1 || ! grep -q "$1" "$work/said"; then
        echo "not found: $1"
        cat "$work/said"
        exit 1
    fi
}
seeded 'SECURITY.html: there is no docs/absent.md' 'See [this](docs/docs/absent.md).'
seeded 'SECURITY.html: there is no place CHANGELOG.html#absent' 'See [this](CHANGELOG.md#absent).'
seeded 'SECURITY.html: there is no zcn_absent()' 'Call `zcn_absent()`.'
