#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the manual pages: section 3 from the public headers, zcnet(1) from what the tool says of itself, both completed by
# what lies in docs/man, and zcnet(7).
#   scripts/man.sh OUT VERSION DATE [COMMAND THAT STARTS THE TOOL…]
# Without a tool (it does not run where it is built for another machine) zcnet(1) has no list of options.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
out=$1 version=$2 date=$3
shift 3
scripts=$source/scripts pages=$source/docs/man
LC_ALL=C
export LC_ALL

rm -rf "$out"
mkdir -p "$out/man1" "$out/man3" "$out/man7"

# The statuses first: other pages say what they mean.
headers=$source/include/zcnet/status.h
for header in "$source"/include/zcnet/*.h; do
    case ${header##*/} in
        status.h | zcnet.h) ;;
        *) headers="$headers
$header" ;;
    esac
done
(
    IFS='
'
    awk -v out="$out/man3" -v examples="$pages/examples" -v date="$date" -f "$scripts/mdoc.awk" -f "$scripts/man.awk" \
        $headers
)

tool_part() { awk -v part="$1" -f "$scripts/mdoc.awk" -f "$scripts/tool_man.awk"; }
synopsis=$out/synopsis verbs=$out/verbs
: >"$synopsis"
: >"$verbs"
if [ $# -gt 0 ]; then
    "$@" --help >"$out/help"
    for verb in $(tool_part verbs <"$out/help"); do
        "$@" "$verb" --help >"$out/help"
        tool_part synopsis <"$out/help" >>"$synopsis"
        tool_part description <"$out/help" >>"$verbs"
    done
    rm "$out/help"
    [ -s "$verbs" ]
else
    printf '.Nm\n.Cm VERB\n.Op Ar ...\n' >"$synopsis"
    printf 'Each verb lists its options with\n.Fl \\-help .\n' >"$verbs"
fi

# In a page a line "@synopsis@" or "@verbs@" stands for what was made above, "@example FILE@" for an example program.
for page in zcnet.1 zcnet.7; do
    awk -v date="$date" -v version="$version" -v synopsis="$synopsis" -v verbs="$verbs" -v examples="$pages/examples" \
        -f "$scripts/mdoc.awk" -f "$scripts/fill_man.awk" "$pages/$page" >"$out/man${page##*.}/$page"
done
rm "$synopsis" "$verbs"
