#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet framing: the words, and the frames of files that are right and wrong.
. "$(dirname "$0")/shared/harness.sh"

run 0 framing length,strip=4
holds "$work/run.out" '^length,offset=0,width=4,order=big,adjust=0,strip=4,max=16M$' 'the complete text'
holds "$work/run.out" '^  bytes 0 to 3 +the length' 'the place of the field'
holds "$work/run.out" "^example: +'hello' leaves as 00 00 00 05 68 65 6c 6c 6f$" 'the example'
run 0 framing 'length,width=2,order=little,adjust=-2'
holds "$work/run.out" 'the size of the whole frame' 'a length that counts itself'
holds "$work/run.out" "^example: +'hello' leaves as 07 00 68 65 6c 6c 6f$" 'the example'
run 0 framing 'length,width=1,adjust=3'
holds "$work/run.out" '^body: +3 to 258 bytes$' 'limits of a body'
run 0 framing 'varint,max_varint=2,max=1M'
holds "$work/run.out" '^body: +0 to 16,383 bytes$' 'limits of a body'
run 0 framing 'delimiter=\r\n,strip=2'
holds "$work/run.out" "leaves as 68 65 6c 6c 6f 0d 0a$" 'the example'
run 0 framing fixed=188
holds "$work/run.out" '^frame: +188 bytes$' 'a fixed frame'
run 0 framing raw
holds "$work/run.out" '^raw$' 'raw'
run 0 framing length,width=8 --json
holds "$work/run.out" '^\{"framing":"length,.*","kind":"length","smallest_frame":8,"largest_frame":16777216,"smallest_body":0,"largest_body":16777208,"words":".*"\}$' 'JSON'

# frames STATUS TEXT 'BYTES' 'ROWS' LAST-LINE: BYTES for printf, ROWS as offset:header:body …
frames() {
    printf "$3" >"$work/stream"
    for input in "$work/stream" -; do
        run "$1" framing "$2" "$input" <"$work/stream"
        rows=$(sed -n 's/^ *\([0-9]*\) *\([0-9]*\) *\([0-9]*\)$/\1:\2:\3/p' "$work/run.out" | tr '\n' ' ')
        equal "$rows" "${4:+$4 }" "frames of $2"
        equal "$(tail -n 1 "$work/run.out")" "$5" "last line of $2"
    done
}

frames 0 length,strip=4 '\0\0\0\5hello\0\0\0\0\0\0\0\2hi' '0:4:5 9:4:0 13:4:2' '3 frames, 19 bytes'
frames 0 length,offset=1,width=2,adjust=-3 'x\0\4y' '0:3:1' '1 frame, 4 bytes'
frames 0 varint '\3abc\200\001'"$(printf '%0128d' 0)" '0:1:3 4:2:128' '2 frames, 134 bytes'
frames 0 'delimiter=\r\n' 'a\r\n\r\nb\rc\r\n' '0:0:1 3:0:0 5:0:3' '3 frames, 10 bytes'
frames 0 fixed=3 abcdef '0:0:3 3:0:3' '2 frames, 6 bytes'
frames 0 raw abcdef '0:0:6' '1 frame, 6 bytes'
frames 0 raw '' '' '0 frames, 0 bytes'
frames 0 length '' '' '0 frames, 0 bytes'

frames 1 length,strip=4 '\0\0\0\5hello\0\0\0\2h' '0:4:5' '1 frame, 9 bytes'
holds "$work/run.err" '^zcnet: wrong at offset 9, in frame 2: .*only 5 bytes came \(ZCN_EFRAME_TRUNCATED\)$' 'a short frame'
frames 1 length '\0\0\0' '' '0 frames, 0 bytes'
holds "$work/run.err" '^zcnet: wrong at offset 0, in frame 1: .*only 3 bytes came \(ZCN_EFRAME_TRUNCATED\)$' 'a short header'
frames 1 length,max=1K '\0\0\0\1x\0\0\4\0yyy' '0:4:1' '1 frame, 5 bytes'
holds "$work/run.err" '^zcnet: wrong at offset 5, .*the bytes there are 00 00 04 00 79 79 79 \(ZCN_EFRAME_TOO_LARGE\)$' 'a long frame'
frames 1 length,adjust=-4 '\0\0\0\3' '' '0 frames, 0 bytes'
holds "$work/run.err" 'offset 0, .*\(ZCN_EFRAME_UNDERFLOW\)$' 'an impossible length'
frames 1 varint,max_varint=2 '\1a\200\200\001' '0:1:1' '1 frame, 2 bytes'
holds "$work/run.err" 'offset 2, .*\(ZCN_EFRAME_VARINT\)$' 'a long varint'
frames 1 'delimiter=\n,max=4' 'abc\nabcd\n' '0:0:3' '1 frame, 4 bytes'
holds "$work/run.err" 'offset 4, .*\(ZCN_EFRAME_TOO_LARGE\)$' 'a far delimiter'
frames 1 fixed=4 'abcdef' '0:0:4' '1 frame, 4 bytes'
holds "$work/run.err" 'offset 4, .*\(ZCN_EFRAME_TRUNCATED\)$' 'half a fixed frame'

printf '\0\0\0\1x\0\0' >"$work/stream"
run 1 framing length "$work/stream" --json
cat >"$work/wanted" <<'END'
{"offset":0,"header":4,"body":1,"trailer":0}
{"frames":1,"bytes":5,"trailing_bytes":2,"status":"ZCN_EFRAME_TRUNCATED","detail":"the stream ended inside a frame; of the frame only 2 bytes came"}
END
same "$work/wanted" "$work/run.out" 'JSON of a stream that ends inside a frame'

# A frame larger than any buffer, and a far delimiter.
{ printf '\0\114\113\100'; head -c 5000000 /dev/zero; printf '\0\0\0\0'; } >"$work/stream"
run 0 framing length,max=8M "$work/stream"
holds "$work/run.out" '^2 frames, 5,000,008 bytes$' 'a large frame'
{ head -c 5000000 /dev/zero; echo; } | zcnet framing 'delimiter=\n' - >"$work/run.out" || die 'a far delimiter'
holds "$work/run.out" '^ +0 +0 +5000000$' 'a far delimiter'

run 1 framing raw "$work/absent"
holds "$work/run.err" 'absent: No such file' 'a file that is not there'
