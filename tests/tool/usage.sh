#!/bin/sh
# SPDX-License-Identifier: MIT
# Help, and what a wrong command line gives: status 2 and one sentence on standard error.
. "$(dirname "$0")/shared/harness.sh"

for verb in recv send echo ping relay files stat framing; do
    run 0 "$verb" --help
    holds "$work/run.out" "^usage: zcnet $verb " "help of $verb"
    holds "$work/run.out" '^  --json ' "help of $verb"
    [ -s "$work/run.err" ] && die "help of $verb writes to standard error"
done
run 0 --help
holds "$work/run.out" '^  recv ' "help"
run 0 --version
holds "$work/run.out" '^zcnet [0-9]+\.[0-9]+\.[0-9]+$' "version"

# wrong PATTERN WORDS…
wrong() {
    pattern=$1
    shift
    run 2 "$@"
    [ -s "$work/run.out" ] && die "zcnet $*: it writes to standard output"
    [ "$(wc -l <"$work/run.err")" -eq 1 ] || die "zcnet $*: not one line"
    holds "$work/run.err" "^zcnet: .*$pattern" "zcnet $*"
}

a=tcp://127.0.0.1:0
wrong "there is no verb 'fly'" fly
wrong 'too few arguments' recv
wrong '--framing is missing' recv $a
wrong '--framing is missing' echo $a
wrong '--framing is missing' send $a file
wrong 'too few arguments' send $a --framing raw
wrong 'too few arguments' ping
wrong 'too few arguments' framing
wrong 'too few arguments' stat
wrong '--count needs --every' stat unix-abstract:nobody --count 2
wrong '--json and --prometheus exclude each other' stat unix-abstract:nobody --json --prometheus
wrong 'is no Unix socket' recv $a --framing raw --stat tcp://127.0.0.1:0
wrong "'more' is one argument too many" recv $a more --framing raw
wrong 'no option --frame' recv $a --frame raw
wrong 'no option -x' recv $a -x
wrong '--framing needs a value' recv $a --framing
wrong '--framing is given twice' recv $a --framing raw --framing raw
wrong '--once takes no value' recv $a --framing raw --once=1
wrong "--count takes a whole number.*'0'" recv $a --framing raw --count 0
wrong "--count takes a whole number.*'-1'" recv $a --framing raw --count -1
wrong "--count takes a whole number.*'99999999999999999999'" recv $a --framing raw --count 99999999999999999999
wrong "--keep takes a whole number.*'1x'" recv $a --framing raw --keep 1x
wrong "--block-size takes a number of bytes.*'4T'" recv $a --framing raw --block-size 4T
wrong "--block-size takes a number of bytes" recv $a --framing raw --block-size 99999999999999999G
wrong 'power of two from 4K to 16M' recv $a --framing raw --block-size 5000
wrong "--rate takes a number above 0.*'0'" send $a --framing raw --rate 0 file
wrong "--rate takes a number above 0.*'nan'" send $a --framing raw --rate nan file
wrong "--rate takes a number above 0.*'inf'" send $a --framing raw --rate inf file
wrong 'standard input can be sent only once' send $a --framing raw - -
wrong 'standard input can be sent only once' send $a --framing raw --repeat 2 -
wrong "framing 'length,width=5' is wrong: .*width" recv $a --framing length,width=5
wrong "framing '' is wrong" recv $a --framing ''
wrong "framing 'length,strip=4,strip=4' is wrong: .*strip" framing length,strip=4,strip=4
wrong 'cannot listen on nowhere' recv nowhere --framing raw
wrong 'cannot listen on tcp://127.0.0.1:70000' echo tcp://127.0.0.1:70000 --framing raw
wrong 'cannot connect to udp://127.0.0.1:1' ping udp://127.0.0.1:1
: >"$work/empty"
wrong 'cannot connect to tcp://127.0.0.1' send tcp://127.0.0.1 --framing raw "$work/empty"

# A failed write of the answer is a failure.
if [ -c /dev/full ]; then
    zcnet framing raw >/dev/full 2>"$work/run.err"
    equal $? 1 'status with a full standard output'
fi
