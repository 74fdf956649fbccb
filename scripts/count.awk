# SPDX-License-Identifier: MIT
# Reads what ctest printed and then its LastTest.log: writes "passed failed skipped" as numbers on one line, and a line
# "failed NAME" or "skipped NAME: WHY" for each test that did not pass. A CMocka program counts as its test functions,
# anything else as one.
# The log calls skipped programs passed, so only the printed lines tell what became of a program.
NR == FNR {
    if (match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: [^ ]+/)) {
        name = substr($0, RSTART, RLENGTH)
        sub(/.* /, "", name)
        result[name] = /\*\*\*Skipped/ ? "skipped" : / Passed +[0-9.]+ sec/ ? "passed" : "failed"
        order[++programs] = name
    }
    next
}
/^[0-9]+\/[0-9]+ Test: / { program = $3; inside = 0; next }
/^Output:$/ { inside = 1; next }
/^<end of output>$/ { inside = 0; next }
!inside { next }
/^\[       OK \] [A-Za-z0-9_]+$/ { good[program]++; next }
/^\[  SKIPPED \] [A-Za-z0-9_]+$/ {
    if (!((program, $4) in seen)) omitted[program] = omitted[program] " " $4
    seen[program, $4] = 1
    next
}
/^\[  FAILED  \] [A-Za-z0-9_]+$/ {
    if (!((program, $4) in seen)) bad[program]++
    seen[program, $4] = 1
    next
}
/[^-]/ { why[program] = $0 }
END {
    passed = failed = skipped = 0
    for (i = 1; i <= programs; i++) {
        name = order[i]
        if (result[name] == "skipped") {
            skipped++
            sub(/^[Ss]kipped: */, "", why[name])
            lines = lines "skipped " name ": " why[name] "\n"
            continue
        }
        passed += good[name]
        count = split(omitted[name], cases, " ")
        skipped += count
        for (j = 1; j <= count; j++) lines = lines "skipped " name " " cases[j] "\n"
        if (result[name] == "failed" || bad[name]) {
            failed += bad[name] ? bad[name] : 1
            lines = lines "failed " name "\n"
        } else if (!good[name] && !count) passed++
    }
    if (!programs) {
        failed++
        lines = lines "failed: no test was run\n"
    }
    print passed, failed, skipped
    printf "%s", lines
}
