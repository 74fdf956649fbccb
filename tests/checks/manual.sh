#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages: each public function and type has a page or an alias that leads to one, no page is about something
# else, no word of a header is lost on the way to its page, zcnet(1) has every option, and mandoc finds nothing to say.
#   manual.sh PAGES INCLUDE MAP TOOL
set -eu
pages=$1 include=$2 map=$3 tool=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LC_ALL=C
export LC_ALL
faults=0
fault() {
    echo "$*"
    faults=$((faults + 1))
}

# What should have a page: the map's names, and the headers' structs, function types and the headers themselves.
sed -n 's/^ *\(zcn_[a-z0-9_]*\);.*/\1/p' "$map" >"$work/wanted"
[ -s "$work/wanted" ] || fault "no name was found in the map"
sed -n -e 's/^typedef .*(\*\(zcn_[a-z0-9_]*\)).*/\1/p' -e 's/^typedef struct \(zcn_[a-z0-9_]*\) {.*/\1/p' \
    -e 's/^typedef [^(]* \(zcn_[a-z0-9_]*\);.*/\1/p' "$include"/zcnet/*.h >>"$work/wanted"
for header in "$include"/zcnet/*.h; do
    name=$(basename "$header" .h)
    [ "$name" = zcnet ] || echo "zcn_$name" >>"$work/wanted"
done
sort -u "$work/wanted" -o "$work/wanted"
(cd "$pages/man3" && ls) | sed 's/\.3$//' | sort >"$work/there"
comm -23 "$work/wanted" "$work/there" >"$work/difference"
while read -r name; do fault "$name has no page"; done <"$work/difference"
comm -13 "$work/wanted" "$work/there" >"$work/difference"
while read -r name; do fault "$name has a page, and is no public name"; done <"$work/difference"

# zcnet(7) names the page of each noun, and leads to it at its end.
for header in "$include"/zcnet/*.h; do
    name=zcn_$(basename "$header" .h)
    case $name in zcn_zcnet | zcn_version) continue ;; esac
    grep -q "^\.It Xr $name 3$" "$pages/man7/zcnet.7" || fault "zcnet(7) does not name $name"
    sed -n '/^\.Sh SEE ALSO/,$p' "$pages/man7/zcnet.7" | grep -q "^\.Xr $name 3" || fault "zcnet(7) does not lead to $name"
done

# Aliases lead to a page that is about the name.
for page in "$pages"/man3/*.3; do
    name=$(basename "$page" .3)
    target=$(sed -n 's/^\.so man3\/\(.*\)$/\1/p' "$page")
    [ -n "$target" ] || continue
    if [ ! -f "$pages/man3/$target" ] || grep -q '^\.so' "$pages/man3/$target"; then
        fault "the alias $name leads to no page: $target"
    elif ! grep -Eq "^\.(Fo|Ss) (.*, )?$name(,.*)?$|typedef.* $name;" "$pages/man3/$target"; then
        fault "$target says nothing about $name"
    fi
done

# Every word of a header's comments and declarations stands in its page.
words() { tr -cs 'A-Za-z0-9_' '\n' | sort -u; }
for header in "$include"/zcnet/*.h; do
    name=$(basename "$header" .h)
    [ "$name" != zcnet ] || continue
    [ -f "$pages/man3/zcn_$name.3" ] || continue
    # Guards, includes, macros of the declarations and the tags' own words are not for readers.
    sed -e '/^#/d' -e '/SPDX/d' -e 's/ZCN_API\|ZCN_NODISCARD\|ZCN_BEGIN_DECLS\|ZCN_END_DECLS//g' -e 's/^ \* @[a-z]*//' \
        -e '/X(ZCN_/s/X(//' -e '/ZCN_STATUS_M/d' "$header" | words >"$work/header"
    sed -e 's/\\fB//g' -e 's/\\fR//g' -e 's/\\e/\\/g' -e 's/\\-/-/g' -e 's/\\\[u[0-9A-F]*\]/ /g' "$pages/man3/zcn_$name.3" |
        words >"$work/page"
    comm -23 "$work/header" "$work/page" | grep -v '^$' >"$work/difference" || :
    while read -r word; do fault "$name.h says '$word', its page does not"; done <"$work/difference"
done

# zcnet(1) has what the tool says of itself.
page=$pages/man1/zcnet.1
sed -e 's/\\-/-/g' "$page" >"$work/tool"
"$tool" --help | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' >"$work/verbs"
[ -s "$work/verbs" ] || fault "the tool names no verb"
while read -r verb; do
    # The part of the page that is about this verb.
    awk -v verb="$verb" '/^\.S[sh]/ { inside = $0 == ".Ss zcnet " verb } inside' "$work/tool" >"$work/part"
    [ -s "$work/part" ] || fault "zcnet(1) says nothing about $verb"
    "$tool" "$verb" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p' >"$work/options"
    [ -s "$work/options" ] || fault "zcnet $verb has no option"
    while read -r option; do
        grep -q "^\.It Fl -$option\( Ar .*\)*$" "$work/part" || fault "zcnet(1) does not have --$option of $verb"
    done <"$work/options"
done <"$work/verbs"

if grep -l '[^ -~	]' "$pages"/man?/*.? >"$work/difference"; then
    while read -r page; do fault "$page holds characters that are not ASCII"; done <"$work/difference"
fi

count=0
for page in "$pages"/man?/*.?; do
    ! grep -q '^\.so' "$page" || continue
    count=$((count + 1))
    command -v mandoc >/dev/null || continue
    # mandoc looks for pages that are referred to among those of the system; here they are looked for among these.
    mandoc -T lint "$page" >"$work/lint" || :
    while read -r line; do
        case $line in
            *'referenced manual not found: Xr '*)
                set -- ${line##*: Xr }
                [ -f "$pages/man$2/$1.$2" ] || fault "$line"
                ;;
            *) fault "$line" ;;
        esac
    done <"$work/lint"
done
echo "$count pages, $(($(wc -l <"$work/wanted"))) names, $faults faults"
[ "$faults" -eq 0 ] || exit 1
command -v mandoc >/dev/null || {
    echo "mandoc is not installed: the pages were not given to it"
    exit 77
}
