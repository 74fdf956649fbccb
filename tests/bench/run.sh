#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/bench/run.sh BUILD: what `make bench` calls. BENCH holds further words for run.py, such as BENCH=--quick.
set -eu
here=$(dirname "$0")
# shellcheck disable=SC2086 # words
exec python3 "$here/run.py" --build "$1" ${BENCH-}
