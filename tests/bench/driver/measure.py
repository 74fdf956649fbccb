# SPDX-License-Identifier: MIT
"""Runs programs of contenders, round by round, and makes figures of what they print."""
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from . import plan

TIME_LIMIT = 60  # seconds for one run
# For the round that finds out how many messages fill the time.
FIRST_COUNT = {"flow": 100000, "retain": 30000, "ping": 1000, "forward": 20000, "fanout": 1000, "echo": 10000}
FIRST_BYTES = 200 << 20


@dataclass
class Contender:
    program: str
    version: str
    workloads: dict


@dataclass
class Result:
    """One case: for each entry a list of samples, a round each; None where a run failed."""
    case: plan.Case
    samples: dict

    def values(self, entry, figure):
        return [sample and sample.get(figure) for sample in self.samples.get(entry, ())]

    def median(self, entry, figure):
        values = [value for value in self.values(entry, figure) if value is not None]
        return statistics.median(values) if values else None

    def best(self, figure, contender, modes=None, lowest=False, pin=None):
        """The entry whose median is best: the better of pinned and unpinned, and of a contender's modes."""
        found = [(median, entry) for entry in self.samples
                 if entry.contender == contender and (modes is None or entry.mode in modes)
                 and (pin is None or entry.pin == pin)
                 and (median := self.median(entry, figure)) is not None]
        if not found:
            return None
        return (min if lowest else max)(found, key=lambda pair: pair[0])[1]


def contenders(folder, names):
    """Those whose program is there, and the names of those whose is not."""
    present, missing = {}, []
    for name in names:
        program = folder / f"bench-{name}"
        if not program.exists():
            missing.append(name)
            continue
        listed = json.loads(subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout)
        present[name] = Contender(str(program), listed["version"], listed["workloads"])
    return present, missing


def figures(case, printed):
    """What a run says of the case, in units of the tables."""
    server, client = printed["server"], printed["client"]
    if case.workload == "idle":
        return dict(client)

    def cpu(side):
        return side["user"] + side["system"]

    got = dict(rate=server["messages"] / server["seconds"], server_cpu_ns=cpu(server) / server["messages"] * 1e9,
               client_cpu_ns=cpu(client) / client["messages"] * 1e9)
    got["cpu_ns"] = got["server_cpu_ns"] + got["client_cpu_ns"]
    got["gigabytes_s"] = got["rate"] * case.size / 1e9
    if case.workload == "ping":
        got.update(p50_us=client["p50_us"], p99_us=client["p99_us"])
    if case.workload in ("forward", "fanout"):
        sent = server["messages"] * case.size * case.extra["connections"]
        got["cpu_s_gb"] = cpu(server) / (sent / 1e9)
    for side, name in ((server, "receive"), (client, "send")):
        if "copied_bytes" in side:
            got[f"{name}_copied"] = side["copied_bytes"] / max(1, side["bytes_in" if name == "receive" else "bytes_out"])
            for counter in ("read_calls", "write_calls", "iovecs_out"):
                got[f"{name}_{counter}"] = side[counter]
    return got


def counts(case, options, rate):
    """How many messages fill the time at that rate, and how many of them come before the clock starts."""
    count = int(rate * options.seconds) if rate else min(FIRST_COUNT[case.workload], FIRST_BYTES // case.size)
    warm = count // 7
    if case.workload == "retain":
        warm = max(warm, 2 * case.extra["keep"])
    if case.workload == "echo":
        warm = max(warm, 2 * case.extra["connections"])
    return max(count, 200) + warm, warm


def run_once(case, entry, contender, options, rate):
    program, _ = plan.PROGRAM[case.workload]
    command = [contender.program, program, "--mode", entry.mode, "--transport", case.transport, "--size", str(case.size)]
    for name, value in case.extra.items():
        command += [f"--{name}", str(value)]
    if case.workload != "idle":
        count, warm = counts(case, options, rate)
        command += ["--count", str(count), "--warm", str(warm)]
    if entry.pin:
        command.append("--pin")
    if options.verify:
        command.append("--verify")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"{' '.join(command)}: no end after {TIME_LIMIT} s"
    if done.returncode != 0:
        return None, f"{' '.join(command)}: {' / '.join(done.stderr.split(chr(10))).strip(' /')}"
    printed = json.loads(done.stdout)
    if not all(printed[side].get("messages", 1) for side in ("server", "client")):
        return None, f"{' '.join(command)}: nothing was left to measure after the warm-up"
    return figures(case, printed), None


def run_case(case, present, options, failures, tick):
    result = Result(case, {entry: [] for entry in case.entries})
    rates = {}
    broken = set()
    # The first round warms up and finds how many messages fill the time; it does not count.
    first = 0 if case.workload != "idle" else 1
    for number in range(first, plan.rounds(case, options) + 1):
        for entry in case.entries:
            tick(case, entry, number)
            sample, failure = None, None
            if entry not in broken:
                sample, failure = run_once(case, entry, present[entry.contender], options, rates.get(entry))
            if failure:
                broken.add(entry)
                failures.append(failure)
            if sample and "rate" in sample:
                rates[entry] = sample["rate"]
            if number > 0:
                result.samples[entry].append(sample)
    return result


def run(cases, present, options):
    results, failures = [], []
    terminal = sys.stderr.isatty()
    for index, case in enumerate(cases):
        def tick(at, entry, number, index=index):
            if terminal:
                text = f"[{index + 1}/{len(cases)}] {at.workload} {at.size} {at.transport}  round {number}  {entry.contender} {entry.mode}"
                print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)

        results.append(run_case(case, present, options, failures, tick))
        if not terminal:
            print(f"[{index + 1}/{len(cases)}] {case.workload} {case.size} {case.transport}", file=sys.stderr, flush=True)
    if terminal:
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)
    return results, failures
