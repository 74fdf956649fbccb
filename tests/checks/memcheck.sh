#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a test program under Valgrind: no error, no leak, no descriptor of its own left open.
#   memcheck.sh PROGRAM [ARGUMENT…]
# libc is not asked to free its own caches at the end: a thread that the end of the process overtook may hold the lock
# of one, and the program would wait for it for ever. memcheck.supp names what then looks like a leak.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

valgrind --quiet --run-libc-freeres=no --suppressions="$(dirname "$0")/memcheck.supp" \
    --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 --track-fds=yes --num-callers=30 \
    --log-file="$work/%p" "$@" &
program=$!
wait $program
status=$?

# Children that a test forks are checked for errors as well; what they hold open they have from their parent.
for log in "$work"/*; do
    [ "$log" != "$work/$program" ] || continue
    if sed '/FILE DESCRIPTORS/,$d' "$log" | grep -v '^==[0-9]*== *$'; then
        [ $status -ne 0 ] || status=99
    fi
done
# The descriptors come as blocks of a headline and the place that opened it, which is no place for inherited ones.
awk '
/FILE DESCRIPTORS/ || /^==[0-9]+== *$/ { next }
/^==[0-9]+== Open .*(file descriptor|socket) / { headline = $0; next }
headline != "" {
    if ($0 ~ /<inherited from parent>/) {
        headline = ""
        next
    }
    print headline
    headline = ""
    left++
}
{ print }
END {
    if (left) print left " descriptors are open at the end"
    exit left > 0
}' "$work/$program" || [ $status -ne 0 ] || status=98
exit $status
