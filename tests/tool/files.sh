#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet files: every method over both transports, warm and cold, with figures that fit together.
. "$(dirname "$0")/shared/harness.sh"

awk 'BEGIN { for (i = 0; i < 20000; i++) printf "%d %0100d\n", i, i * 7919 }' >"$work/file"
size=$(wc -c <"$work/file")

# The rows of a run: one of JSON for each method, transport, cache and size.
run 0 files "$work/file" --json --cache warm --sizes 4K,100000,1G --total 3M --rounds 2
equal "$(wc -l <"$work/run.out")" 36 'rows'
for method in auto sendfile mmap splice copy direct; do
    equal "$(grep -c "\"method\":\"$method\"" "$work/run.out")" 6 "rows of $method"
done
equal "$(grep -c '"transport":"tcp"' "$work/run.out")" 18 'rows of TCP'
equal "$(grep -c "\"size\":$size," "$work/run.out")" 12 'rows of the whole file: no range is longer'
holds "$work/run.out" '"size":4096,"method":"sendfile","rounds":2,"bytes":3145728,"gb_s":[0-9.e+-]+,"cpu_s_gb":' 'a row'
for method in sendfile mmap splice copy; do
    # What was asked for is what moved the bytes.
    equal "$(grep "\"method\":\"$method\"" "$work/run.out" | grep -c "\"way\":\"$method\"")" 6 "ways of $method"
done
grep '"calls_mb"' "$work/run.out" >"$work/counted" || skip 'this process may not trace its children, or counts no calls'
equal "$(wc -l <"$work/counted")" 36 'rows with system calls'
# Each range takes one call of sendfile at least, besides that for its header: 4 KiB are 244 of both to the megabyte.
grep '"size":4096,"method":"sendfile"' "$work/counted" | sed 's/.*"calls_mb":\([0-9]*\).*/\1/' | while read -r calls; do
    [ "$calls" -ge 488 ] && [ "$calls" -le 1500 ] || die "$calls system calls to the megabyte by sendfile"
done || exit 1
# A copy leaves with its header in one call, small ranges together in one.
grep '"size":4096,"method":"copy"' "$work/counted" | sed 's/.*"calls_mb":\([0-9]*\).*/\1/' | while read -r calls; do
    [ "$calls" -ge 244 ] && [ "$calls" -le 400 ] || die "$calls system calls to the megabyte by copy"
done || exit 1

# Cold, as a table. Not every file system lets a file go: that is said, and is a failure of the row.
zcnet files "$work/file" --cache cold --transport unix --sizes 64K --rounds 1 --methods sendfile,direct >"$work/cold.out" 2>"$work/cold.err"
status=$?
if grep -q 'stays in the page cache' "$work/cold.out"; then
    equal "$status" 1 'the status without a cold file'
else
    equal "$status" 0 'the status'
    holds "$work/cold.out" "^Unix socket, cold page cache, ranges of 65.5 kB: " 'the head'
    holds "$work/cold.out" '^  sendfile +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+   sendfile$' 'the row of sendfile'
    equal "$(grep -c '^  [a-z]' "$work/cold.out")" 3 'rows with their head'
fi

# What cannot be sent.
: >"$work/empty"
run 1 files "$work/empty"
holds "$work/run.err" 'is empty$' 'an empty file'
run 1 files "$work"
holds "$work/run.err" 'is no regular file$' 'a directory'
run 1 files "$work/none"
holds "$work/run.err" 'none: No such file' 'no file'
for words in '--transport udp' '--cache hot' '--sizes 1K,,2K' '--sizes 0' '--methods sendfile,fly' '--total 0'; do
    # shellcheck disable=SC2086 # two words
    run 2 files "$work/file" $words
    holds "$work/run.err" '^zcnet: files: --' "zcnet files $words"
done
