#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the contenders against each other: interleaved rounds, medians, ratios with their spread, goals.

    tests/bench/run.py [--build DIR] [--quick] [--rounds N] [--only flow,ping] [--sizes 64,4K] [--transport tcp]
                       [--contenders raw,zcnet] [--pin both|yes|no] [--json F] [--csv F] [--markdown F] [--plots DIR]

The status is 0 unless a contender failed to do its work.
"""
import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from driver import goals, machine, measure, output, plan, tables  # noqa: E402


def words(text):
    return [word for word in text.split(",") if word]


def size(text):
    scale = {"K": 1 << 10, "M": 1 << 20}.get(text[-1:].upper(), 1)
    return int(text if scale == 1 else text[:-1]) * scale


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the build folder (build)")
    parser.add_argument("--quick", action="store_true", help="fewer cases, short runs: under three minutes, rough")
    parser.add_argument("--rounds", type=int, help="rounds of each case (5; quick 2), after one to warm up")
    parser.add_argument("--seconds", type=float, help="length of one run (0.25; quick 0.1)")
    parser.add_argument("--only", type=words, help=f"workloads, of {','.join(plan.WORKLOADS)}")
    parser.add_argument("--sizes", type=lambda text: [size(word) for word in words(text)], help="bytes of a body")
    parser.add_argument("--transport", type=words, help="tcp,unix")
    parser.add_argument("--contenders", type=words, help=f"of {','.join(plan.CONTENDERS)}")
    parser.add_argument("--pin", choices=("both", "yes", "no"), default="both", help="to one core a process")
    parser.add_argument("--verify", action="store_true", help="compare every byte of every message; rates mean nothing")
    parser.add_argument("--json", type=Path, help="everything that was measured")
    parser.add_argument("--csv", type=Path, help="a line for each run")
    parser.add_argument("--markdown", type=Path, help="tables for a page")
    parser.add_argument("--plots", type=Path, help="a folder for SVG files")
    parsed = parser.parse_args()
    parsed.rounds = parsed.rounds or (2 if parsed.quick else 5)
    parsed.seconds = parsed.seconds or (0.1 if parsed.quick else 0.25)
    for chosen, known, what in ((parsed.only, plan.WORKLOADS, "workload"), (parsed.contenders, plan.CONTENDERS, "contender"),
                                (parsed.transport, ("tcp", "unix"), "transport")):
        for word in chosen or ():
            if word not in known:
                parser.error(f"there is no {what} '{word}': {', '.join(known)}")
    return parsed


def main():
    options = arguments()
    contenders, missing = measure.contenders(Path(options.build) / "tests" / "bench", options.contenders or plan.CONTENDERS)
    for name in missing:
        print(f"missing: {name} (no program of it in {options.build}: its library was not found)")
    if not contenders:
        sys.exit("bench: nothing to run; `make bench` builds the contenders")
    described = machine.describe(contenders)
    print(machine.line(described), flush=True)
    cases = plan.cases(options, contenders)
    print(f"{len(cases)} cases, {options.rounds} rounds, about {plan.minutes(cases, options):.0f} minutes", flush=True)
    start = time.monotonic()
    results, failures = measure.run(cases, contenders, options)
    print(tables.text(results))
    verdicts = goals.judge(results)
    print(goals.text(verdicts))
    print(f"{(time.monotonic() - start) / 60:.1f} minutes")
    if options.json:
        output.write_json(options.json, described, missing, failures, results, verdicts)
    if options.csv:
        output.write_csv(options.csv, results)
    if options.markdown:
        options.markdown.write_text(tables.markdown(results))
    if options.plots:
        output.draw(options.plots, described, results)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
