# SPDX-License-Identifier: MIT
"""What the library is to reach, and whether it did: ratios a round, their median, lowest and highest."""
import statistics
from dataclasses import asdict, dataclass

from . import tables
from .plan import K, M

UNIT = {16: 0.25, 64: 0.45, 256: 0.85}
BATCH = {16: 0.55, 64: 0.75, 256: 0.85}
RETAIN = {256: 1.5, 4 * K: 1.3, 64 * K: 1.05}
LARGE = 0.95  # of the limit, from 1 KiB up


@dataclass
class Verdict:
    what: str
    size: int
    transport: str
    figure: str
    goal: str
    value: float
    low: float
    high: float
    met: bool | None  # None: no goal, for comparison

    def row(self):
        spread = f"{self.value:.3g} [{self.low:.3g}-{self.high:.3g}]"
        return [self.what, tables.size_text(self.size), self.transport, self.figure, spread, self.goal, {True: "met", False: "MISSED", None: ""}[self.met]]


def ratios(result, figure, ours, theirs):
    pairs = zip(result.values(ours, figure), result.values(theirs, figure))
    return [a / b for a, b in pairs if a is not None and b]


class Judge:
    def __init__(self, result):
        self.result = result
        self.verdicts = []

    def add(self, what, figure, goal, values, met):
        if values:
            middle = statistics.median(values)
            case = self.result.case
            self.verdicts.append(Verdict(what, case.size, case.transport, figure, goal, middle, min(values), max(values), met(middle)))

    def compare(self, what, figure, lowest, ours, theirs, goal, pin=None):
        """ours and theirs: a contender and its modes. goal: at least that much, at most where lowest is best."""
        result = self.result
        mine = result.best(figure, *ours, lowest=lowest, pin=pin)
        other = result.best(figure, *theirs, lowest=lowest, pin=pin)
        if mine is None or other is None:
            return
        text = "" if goal is None else f"<= {goal:g}" if lowest else f">= {goal:g}"

        def met(value):
            return None if goal is None else value <= goal if lowest else value >= goal

        self.add(what, figure, text, ratios(result, figure, mine, other), met)

    def speed(self, what, ours, theirs, goal):
        """By messages a second or by CPU time a message, whichever is better: the latter is steadier."""
        result = self.result
        found = []
        for figure, lowest in (("rate", False), ("cpu_ns", True)):
            mine = result.best(figure, *ours, lowest=lowest)
            other = result.best(figure, *theirs, lowest=lowest)
            if mine is None or other is None:
                continue
            values = ratios(result, figure, other, mine) if lowest else ratios(result, figure, mine, other)
            if values:
                found.append((statistics.median(values), figure, values))
        if found:
            _, figure, values = max(found)
            self.add(what, figure, f">= {goal:g}", values, lambda value: value >= goal)


def flow(judge, size, transport):
    limit = ("raw", tables.SLEEPING)
    if transport == "tcp":
        judge.speed("flow, a unit a message / limit", ("zcnet", ("unit",)), limit, UNIT.get(size, LARGE))
        judge.speed("flow, batch or reserve / limit", ("zcnet", ("batch", "reserve")), limit, BATCH.get(size, LARGE))
        judge.compare("flow, both spinning / limit", "rate", False, ("zcnet", ("batch-spin", "reserve-spin")), ("raw", tables.SPINNING), None)
        # On one machine the kernel copies all the same: that it was asked costs nothing.
        judge.speed("flow, zero copy allowed / not", ("zcnet", ("unit-zero-copy",)), ("zcnet", ("unit",)), 0.97)
    for peer in ("libzmq", "nng", "libuv"):
        goal = 0.95 if size >= M else 1.0
        if peer == "libzmq" and size <= 4 * K:
            goal = 5
        if peer == "libuv" and size <= 256:
            goal = 1.3
        # The program that packs its messages into large buffers itself is a hand-written loop, as raw is.
        modes = ("bufs",) if peer == "libuv" else None
        judge.compare(f"flow, batch / {peer}", "rate", False, ("zcnet", ("batch",)), (peer, modes), goal)
    judge.compare("flow, batch / libuv, packed by hand", "rate", False, ("zcnet", ("batch",)), ("libuv", ("chunks",)), None)
    copied = [value for entry in judge.result.samples if entry.contender == "zcnet"
              for value in judge.result.values(entry, "receive_copied") if value is not None]
    most = 0.5 if size <= 16 * K else 2
    judge.add("flow, copied on receipt, %", "copied", f"<= {most:g}", [100 * value for value in copied], lambda _: 100 * max(copied) <= most)
    copied_out = [value for entry in judge.result.samples if entry.contender == "zcnet"
                  for value in judge.result.values(entry, "send_copied") if value is not None]
    judge.add("flow, copied on sending, %", "copied", "0", [100 * value for value in copied_out], lambda _: max(copied_out) == 0)


def ping(judge, size, transport):
    """Unpinned, the scheduler may put both processes on one core, where waking is cheap; pinned, they are on two."""
    for pin, name in ((None, ""), (True, ", pinned")):
        for mode in ("block", "epoll"):
            for ours, goal, how in (("wait", 1.05, "ping"), ("spin", 0.5, "ping, spinning")):
                judge.compare(f"{how}{name} / raw {mode}", "p50_us", True, ("zcnet", (ours,)), ("raw", (mode,)), goal, pin)


def retain(judge, size, transport):
    if size in RETAIN:
        judge.speed("retain / malloc + memcpy", ("zcnet",), ("raw",), RETAIN[size])


def forward(judge, size, transport):
    for mode in ("late", "soon", "deep"):
        judge.compare(f"{judge.result.case.workload} / copying loop, {mode}", "cpu_s_gb", True, ("zcnet",), ("raw", (mode,)), 0.8)


def echo(judge, size, transport):
    judge.speed("echo, 10,000 connections / raw", ("zcnet",), ("raw",), 0.9)


def idle(judge, size, transport):
    for figure, goal in (("idle", 512), ("one_byte", 1024)):
        entry = judge.result.best(figure, "zcnet", lowest=True)
        if entry is not None:
            values = [value for value in judge.result.values(entry, figure) if value is not None]
            judge.add(f"bytes a connection, {figure}", figure, f"<= {goal}", values, lambda value, goal=goal: value <= goal)


RULES = {"flow": flow, "ping": ping, "retain": retain, "forward": forward, "fanout": forward, "echo": echo, "idle": idle}


def judge(results):
    verdicts = []
    for result in results:
        one = Judge(result)
        RULES[result.case.workload](one, result.case.size, result.case.transport)
        verdicts += one.verdicts
    return verdicts


def text(verdicts):
    if not verdicts:
        return ""
    rows = [["goal", "size", "over", "by", "median [lowest-highest]", "wanted", ""]] + [verdict.row() for verdict in verdicts]
    met, missed = (sum(verdict.met is outcome for verdict in verdicts) for outcome in (True, False))
    return f"\n{tables.table(rows)}\n\n{met} goals met, {missed} missed"


def as_dicts(verdicts):
    return [asdict(verdict) for verdict in verdicts]
