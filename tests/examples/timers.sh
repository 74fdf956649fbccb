#!/bin/sh
# SPDX-License-Identifier: MIT
# Deadlines that pass: the peer takes questions and never answers.
. "$(dirname "$0")/shared/examples.sh"

start r recv tcp://127.0.0.1:0 --framing length,strip=4 --once
example 1 timers "$address" 4 30
printed '4 asked, 0 in time, 4 late' 'questions without an answer'
finish r 0
holds "$work/r.out" '^connection 1: 4 messages' 'what the peer got'
