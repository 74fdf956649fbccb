#!/bin/sh
# SPDX-License-Identifier: MIT
# A zcnet loop inside another: many random wake-ups with one message a poll, with a few, and with many. One that is lost
# is a program that does not end.
#   run.sh PROGRAM
program=$1
faults=0
for messages in 1 3 1000; do
    said=$(timeout 100 "$program" 700 "$messages" 2>&1)
    status=$?
    echo "$messages messages a poll: $said"
    [ "$status" -eq 0 ] && [ "$said" = '2100 asked, 2100 answered, 0 wrong' ] || {
        echo "FAILED: status $status"
        faults=$((faults + 1))
    }
done
timeout 100 "$program" 2>/dev/null
[ $? -eq 2 ] || faults=$((faults + 1))
[ "$faults" -eq 0 ]
