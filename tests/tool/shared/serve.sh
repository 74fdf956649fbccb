# SPDX-License-Identifier: MIT
# For tests of zcnet serve: skips, by name, where it cannot run. Sourced behind harness.sh.
zcnet serve "$work/none" tcp://127.0.0.1:0 >/dev/null 2>"$work/probe.err"
! grep -q 'is not part of this build' "$work/probe.err" || skip 'zcnet serve is not part of this build: http-parser was not found'
command -v python3 >/dev/null || skip 'python3 is not installed'
