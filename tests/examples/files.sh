#!/bin/sh
# SPDX-License-Identifier: MIT
# What the senders of files and of large messages say of what cannot be sent.
. "$(dirname "$0")/shared/examples.sh"

serve server "$EXAMPLES/file_sender" serve "unix://$work/socket"
example 1 file_sender send "$address" "$work/missing"
holds "$work/run.err" 'missing' 'a file that is not there'
example 1 file_sender send "$address" "$work"
example 1 file_sender send "unix://$work/nobody" "$0"
holds "$work/run.err" 'nobody listens' 'nobody to send to'
serve both "$EXAMPLES/two_connections" serve tcp://127.0.0.1:0 "unix://$work/large"
kill "$pid"
example 1 two_connections send "$address" "unix://$work/nobody" 10
