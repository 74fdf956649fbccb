#!/bin/sh
# SPDX-License-Identifier: MIT
# Files travel from zcnet send to zcnet recv: every framing, each transport, and the exact lines that recv prints.
. "$(dirname "$0")/shared/harness.sh"

mkdir "$work/in"
printf 'hello' >"$work/in/a"
: >"$work/in/b"
head -c 5000000 /dev/urandom | tr '\n\r' 'xy' >"$work/in/c"
printf 'no newline' >"$work/in/d"

# frames_of HEADER-COMMAND TAIL: the frames that the files should leave as.
frames_of() {
    for file in "$work"/in/*; do
        "$1" "$(wc -c <"$file")"
        cat "$file"
        printf "$2"
    done >"$work/wanted"
}
big4() { printf "\\$(printf %o $(($1 / 16777216 % 256)))\\$(printf %o $(($1 / 65536 % 256)))\\$(printf %o $(($1 / 256 % 256)))\\$(printf %o $(($1 % 256)))"; }
little3_self() { n=$(($1 + 3)); printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256 % 256)))\\$(printf %o $((n / 65536 % 256)))"; }
offset2() { printf '\0\0'; big4 "$1"; }
varint() {
    n=$1
    while [ "$n" -ge 128 ]; do
        printf "\\$(printf %o $((n % 128 + 128)))"
        n=$((n / 128))
    done
    printf "\\$(printf %o "$n")"
}
nothing() { :; }

# transfer ADDRESS TEXT STATUS: all files once.
transfer() {
    start r recv "$1" --framing "$2" --once --json --frames "$work/frames" --sizes "$work/sizes"
    address=$(printf '%s\n' "$address" | sed -n 's/^{"listening":"\(.*\)"}$/\1/p')
    [ -n "$address" ] || die "the first line under --json is not the address"
    run 0 send "$address" --framing "$2" --json "$work/in"
    finish r 0
    same "$work/wanted" "$work/frames" "frames of $2 over $1"
    bytes=$(wc -c <"$work/wanted")
    count=$(wc -l <"$work/sizes")
    equal "$(awk '{ n += $1 } END { print n + 0 }' "$work/sizes")" "$((bytes))" "sum of the sizes of $2"
    holds "$work/r.out" "^\\{\"connection\":1,\"messages\":$count,\"bytes\":$((bytes)),\"trailing_bytes\":0,\"copied_bytes\":[0-9]+,\"status\":\"ZCN_EOF\",\"detail\":\"[^\"]+\"\\}\$" "line of $2"
    equal "$(wc -l <"$work/r.out")" 1 "lines of $2"
    equal "$(member "$work/run.out" bytes)" "$((bytes))" "bytes sent of $2"
    equal "$(member "$work/run.out" copied_bytes)" 0 "copied bytes of the sender, $2"
    holds "$work/run.out" '"status":"ZCN_OK"' "status of the sender, $2"
}

frames_of big4 ''
for listen in tcp://127.0.0.1:0 "unix://$work/socket" "unix-abstract:zcnet-test-$$"; do
    transfer "$listen" length,width=4,strip=4,max=1G
    equal "$(tr '\n' ' ' <"$work/sizes")" '9 4 5000004 14 ' "sizes over $listen"
    equal "$count" 4 "messages over $listen"
done
[ -e "$work/socket" ] && die 'the socket file is left behind'
frames_of offset2 ''
transfer tcp://127.0.0.1:0 length,offset=2,max=1G
frames_of little3_self ''
transfer tcp://127.0.0.1:0 length,width=3,order=little,adjust=-3,strip=3
frames_of varint ''
transfer tcp://127.0.0.1:0 varint,strip=1
frames_of nothing '\r\n'
transfer tcp://127.0.0.1:0 'delimiter=\r\n,strip=2'
transfer tcp://127.0.0.1:0 'delimiter=\r\n,check=1'
frames_of nothing ''
transfer tcp://127.0.0.1:0 raw
rm "$work/in/a" "$work/in/b" "$work/in/d"
frames_of nothing ''
transfer tcp://127.0.0.1:0 fixed=5000000
equal "$count" 1 'messages of one fixed frame'

# IPv6 and a name, where the machine has them.
if [ -s /proc/net/if_inet6 ] && grep -q '^0*1 ' /proc/net/if_inet6; then
    transfer 'tcp://[::1]:0' fixed=5000000
else
    echo 'part skipped: no IPv6 loopback'
fi
transfer tcp://localhost:0 fixed=5000000

# Without --json the first line is the bare address, and the connection's line is for people.
start r recv tcp://127.0.0.1:0 --framing fixed=5000000 --once
case $address in
    tcp://127.0.0.1:[1-9]*) ;;
    *) die "the first line is '$address'" ;;
esac
run 0 send "$address" --framing fixed=5000000 --repeat 3 "$work/in"
finish r 0
holds "$work/r.out" '^connection 1: 3 messages, 15,000,000 bytes, 0 trailing, [0-9,]+ copied, ZCN_EOF \(.*\)$' 'the readable line'
for name in messages bytes time rate 'system calls' iovecs copied 'peak memory'; do
    holds "$work/run.out" "^$name +[0-9]" 'the table of the sender'
done

# Several connections one after the other, the last of them ended by --count.
start r recv tcp://127.0.0.1:0 --framing fixed=5000000 --count 3 --json --stats
address=$(printf '%s\n' "$address" | sed 's/.*:"\(.*\)"}/\1/')
for i in 1 2 3; do run 0 send "$address" --framing fixed=5000000 "$work/in"; done
finish r 0
for i in 1 2 3; do holds "$work/r.out" "^\\{\"connection\":$i,\"messages\":1,\"bytes\":5000000," "connection $i"; done
holds "$work/r.out" '^\{"connections":3,"messages":3,"bytes":15000000,"seconds":' 'the summary'
equal "$(wc -l <"$work/r.out")" 4 'lines of three connections'
