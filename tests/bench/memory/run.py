#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's memory against other allocators: interleaved rounds, medians, ratios of one run, goals.

    tests/bench/memory/run.py [--build DIR] [--rounds N] [--seconds S] [--json F]

The status is 0 unless a contender failed to do its work; goals that are missed are shown.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from driver import machine, tables  # noqa: E402

# Programs of the library, and of the heaps that it is compared with.
OURS = ("zcnet", "zcnet-blocks")
HEAPS = ("malloc", "mimalloc", "jemalloc")
WORKS = {
    "block": "allocate + release a 64 KiB block, one thread",
    "unit": "allocate + release a unit of 64 bytes, one thread",
    "block-across": "allocate a 64 KiB block here, release there",
    "unit-across": "allocate a unit here, release there",
    "retain": "retain + release a message, one thread",
    "retain-two": "the same on two threads, in one block",
    "retain-apart": "  of this what is not shared: in blocks of their own",
    "count-two": "  and what is: two threads raise and lower one count",
    "retain-batch": "retain 64 messages + release them in one call",
}
# (work, figure, at most so many nanoseconds, {heap: at least so many times faster})
TIMES = (
    ("block", "ns", 12, {"malloc": 3, "mimalloc": 3, "jemalloc": 3}),
    ("unit", "ns", 8, {"mimalloc": 1.5}),
    ("block-across", "ns", None, {"mimalloc": 2, "jemalloc": 2}),
    ("unit-across", "ns", None, {"mimalloc": 1.2, "jemalloc": 1.2}),
    ("retain", "ns", 10, {}),
    ("retain-two", "ns", 40, {}),
    ("retain-batch", "release_ns", 4, {}),
)
TIME_LIMIT = 120


def contenders(folder):
    present, missing = {}, []
    for name in OURS + HEAPS:
        program = folder / f"memory-{name}"
        if not program.exists():
            missing.append(name)
            continue
        listed = json.loads(subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout)
        present[name] = dict(program=str(program), version=listed["version"], works=listed["works"])
    return present, missing


class Results:
    """samples[work, contender]: a dict of figures for each round; the library is one contender, whatever the program."""

    def __init__(self):
        self.samples = {}
        self.failures = []

    def run(self, present, options):
        works = [work for work in list(WORKS) + ["load"] if any(work in entry["works"] for entry in present.values())]
        for number in range(options.rounds):
            for work in works:
                for name, entry in present.items():
                    if work in entry["works"]:
                        self.one(work, "zcnet" if name in OURS else name, entry["program"], options)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)

    def one(self, work, name, program, options):
        command = [program, work, str(options.seconds)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
            failure = done.stderr.strip() if done.returncode != 0 else None
        except subprocess.TimeoutExpired:
            failure = f"no end after {TIME_LIMIT} s"
        if failure is not None:
            self.failures.append(f"{' '.join(command)}: {failure}")
        else:
            self.samples.setdefault((work, name), []).append(json.loads(done.stdout))

    def values(self, work, name, figure):
        return [sample[figure] for sample in self.samples.get((work, name), ()) if figure in sample]

    def ratios(self, work, figure, heap):
        return [theirs / ours for ours, theirs in zip(self.values(work, "zcnet", figure), self.values(work, heap, figure))]


def spread(values, scale=1.0, form=".3g"):
    if not values:
        return "-"
    middle, low, high = (value / scale for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:{form}} [{low:{form}}-{high:{form}}]"


def times(results):
    rows = [["ns, median [lowest-highest]", "zcnet", *HEAPS]]
    for work, what in WORKS.items():
        rows.append([what] + [spread(results.values(work, name, "ns")) for name in ("zcnet", *HEAPS)])
    rows.append(["  of these, the release alone", spread(results.values("retain-batch", "zcnet", "release_ns"))] + ["-"] * len(HEAPS))
    for figure, what, scale in (("resident_over_asked", "mixed load: resident over asked for", 1),
                                ("left_bytes", "after it and trim: MiB more than before", 1 << 20)):
        rows.append([what] + [spread(results.values("load", name, figure), scale) for name in ("zcnet", *HEAPS)])
    return rows


def judge(results):
    """Rows of what was wanted: what, wanted, median, lowest, highest, met."""
    rows = []

    def add(what, wanted, values, met):
        if values:
            middle = statistics.median(values)
            rows.append(dict(what=what, wanted=wanted, median=middle, low=min(values), high=max(values), met=met(middle)))

    for work, figure, most, faster in TIMES:
        what = WORKS[work] if figure == "ns" else "batched release of 64 messages"
        if most is not None:
            add(f"{what}, ns", f"<= {most}", results.values(work, "zcnet", figure), lambda value, most=most: value <= most)
        for heap, least in faster.items():
            add(f"{what}, times faster than {heap}", f">= {least:g}", results.ratios(work, figure, heap), lambda value, least=least: value >= least)
    add("mixed load of 256 MiB: reserved over in use", "<= 1.05", results.values("load", "zcnet", "reserved_over_in_use"), lambda value: value <= 1.05)
    add("after it and trim: resident over that before, MiB", "<= 1", [value / (1 << 20) for value in results.values("load", "zcnet", "left_bytes")],
        lambda value: value <= 1)
    return rows


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="the build folder (build)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything (5)")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one measurement (0.2)")
    parser.add_argument("--json", type=Path, help="everything that was measured")
    return parser.parse_args()


def main():
    options = arguments()
    present, missing = contenders(options.build / "tests" / "bench")
    if "zcnet" not in present:
        sys.exit("bench-memory: nothing to run; `make bench-memory` builds the contenders")
    for name in missing:
        print(f"missing: {name} (no program of it in {options.build}: its library was not found)")
    versions = {name: argparse.Namespace(version=entry["version"]) for name, entry in present.items() if name != "zcnet-blocks"}
    described = machine.describe(versions)
    print(machine.line(described), flush=True)
    results = Results()
    results.run(present, options)
    print(f"\n{tables.table(times(results))}")
    verdicts = judge(results)
    rows = [["goal", "wanted", "median [lowest-highest]", ""]]
    rows += [[row["what"], row["wanted"], f"{row['median']:.3g} [{row['low']:.3g}-{row['high']:.3g}]", "met" if row["met"] else "MISSED"] for row in verdicts]
    print(f"\n{tables.table(rows)}\n\n{sum(row['met'] for row in verdicts)} goals met, {sum(not row['met'] for row in verdicts)} missed")
    if options.json:
        samples = [dict(work=work, contender=name, samples=found) for (work, name), found in results.samples.items()]
        options.json.write_text(json.dumps(dict(machine=described, missing=missing, failures=results.failures, samples=samples,
                                                goals=verdicts), indent=1) + "\n", encoding="utf-8")
    for failure in results.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    sys.exit(1 if results.failures else 0)


if __name__ == "__main__":
    main()
