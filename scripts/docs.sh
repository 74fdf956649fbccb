#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the site: the manual pages, the documents of the repository and the examples as HTML without a script.
#   scripts/docs.sh BUILD OUT       BUILD has the pages in BUILD/man
# Fails on a link that leads nowhere and on the name of a function that does not exist.
set -eu
build=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2/man"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
LC_ALL=C
export LC_ALL
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(awk '/define ZCN_VERSION_(MAJOR|MINOR|PATCH) / { text = text dot $3; dot = "." } END { print text }' \
    include/zcnet/version.h)

# fragment PAGE…: the manual pages, and where in them each name is explained.
pages=$(cd "$build/man" && grep -L '^\.so ' man?/*.?)
: >"$work/names"
for page in $pages; do
    file=man/${page##*/}.html
    mandoc -I os="libzcnet $version" -T html -O fragment,toc,man=%N.%S.html "$build/man/$page" >"$work/${page##*/}"
    # The heads of sections on functions are their names.
    sed -n 's/.*<h2 class="Ss" id="\([^"]*\)">.*/\1/p' "$work/${page##*/}" | while read -r id; do
        echo "$id" | sed 's/,_/\n/g' | grep '^zcn_' | while read -r name; do echo "$name $file#$id"; done
    done >>"$work/names"
done
awk 'NR == FNR { known[$1] = 1; next }
    FNR == 1 {
        name = FILENAME
        sub(/.*\//, "", name)
        sub(/\.3$/, "", name)
        owner = name
        if (/^\.so man3\//) {
            owner = substr($0, 10)
            sub(/\.3$/, "", owner)
        }
        if (!(name in known)) print name, "man/" owner ".3.html"
    }' "$work/names" "$build"/man/man3/*.3 >"$work/others"
cat "$work/others" >>"$work/names"

# page FRAGMENT FILE TITLE
page() {
    case $2 in */*) up=../ ;; *) up= ;; esac
    awk -v title="$3" -v up="$up" -v names="$work/names" -v here="$2" -v version="$version" -f scripts/docs.awk "$1" \
        >"$out/$2"
}
for page in $pages; do page "$work/${page##*/}" "man/${page##*/}.html" "$(basename "$page" | sed 's/\(.*\)\.\(.\)$/\1(\2)/')"; done

# Documents. What they refer to is a page of the site too: another document, a header's manual page, the examples.
document() {
    cmark-gfm --unsafe -e table "$1" |
        sed -e 's|href="docs/coming-from/|href="|g' -e 's|href="docs/|href="|g' -e 's|href="\.\./\.\./|href="|g' \
            -e 's|href="\.\./|href="|g' -e 's|href="coming-from/|href="|g' \
            -e 's|href="bindings/c\(/[^"]*\)*"|href="examples.html"|g' \
            -e 's|href="include/zcnet/\([a-z]*\)\.h"|href="man/zcn_\1.3.html"|g' -e 's|href="LICENSE"|href="LICENSE.html"|g' \
            -e 's|href="\([A-Za-z-]*\)\.md|href="\1.html|g' >"$work/document"
    # What else of the sources is spoken of stays a name.
    for link in $(sed -n 's/<a href=/\n&/gp' "$work/document" | sed -n 's/^<a href="\([^":#]*\)">.*/\1/p' | sort -u); do
        case $link in *.html) continue ;; esac
        [ ! -e "$link" ] || sed -i "s|<a href=\"$link\">\(\(<code>\)\{0,1\}[^<]*\(</code>\)\{0,1\}\)</a>|\1|g" "$work/document"
    done
    title=$(sed -n 's/^# //p' "$1" | head -n 1)
    page "$work/document" "$(basename "$1" .md).html" "$title"
}
for file in *.md docs/*.md docs/coming-from/*.md; do document "$file"; done

escaped() { sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' "$@"; }
{
    echo '<h1>Examples</h1>'
    for file in bindings/c/*.c docs/man/examples/zcnet.*; do
        printf '<h2>%s</h2>\n<pre><code>' "$(basename "$file")"
        escaped "$file"
        echo '</code></pre>'
    done
} >"$work/examples"
page "$work/examples" examples.html Examples
{
    echo '<h1>Licence</h1><pre>'
    escaped LICENSE
    echo '</pre>'
} >"$work/licence"
page "$work/licence" LICENSE.html Licence

# The front page.
{
    echo '<h1>libzcnet</h1>'
    echo '<p>Messages over TCP and Unix sockets without copies: a C library, and a tool.'
    echo '<a href="README.html">Read me first</a>; then <a href="man/zcnet.7.html">zcnet(7)</a>.</p>'
    echo '<h2>Manual</h2>'
    echo '<dl class="Bl-tag">'
    for page in $pages; do
        name=$(basename "$page" | sed 's/\(.*\)\.\(.\)$/\1(\2)/')
        about=$(sed -n 's/^\.Nd //p' "$build/man/$page" | sed -e 's/\\-/-/g' | escaped)
        echo "<dt><a href=\"man/${page##*/}.html\">$name</a></dt><dd>$about</dd>"
    done
    echo '</dl>'
    echo '<h2>Coming from</h2>'
    echo '<ul>'
    for file in docs/coming-from/*.md; do
        echo "<li><a href=\"$(basename "$file" .md).html\">$(sed -n 's/^# Coming from //p' "$file")</a></li>"
    done
    echo '</ul>'
    echo '<h2>About the project</h2>'
    echo '<ul>'
    for file in docs/*.md CHANGELOG.md CONTRIBUTING.md SECURITY.md; do
        echo "<li><a href=\"$(basename "$file" .md).html\">$(sed -n 's/^# //p' "$file" | head -n 1)</a></li>"
    done
    echo '</ul>'
} >"$work/index"
page "$work/index" index.html libzcnet
cp docs/site/style.css "$out"

# Links that lead nowhere.
(cd "$out" && awk -f "$OLDPWD/scripts/links.awk" $(find . -name '*.html' | sed 's|^\./||')) >"$work/broken"
if [ -s "$work/broken" ]; then
    cat "$work/broken" >&2
    echo "docs: FAILED: links that lead nowhere" >&2
    exit 1
fi
echo "docs: $(find "$out" -name '*.html' | wc -l) pages in $out"
