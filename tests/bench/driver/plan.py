# SPDX-License-Identifier: MIT
"""What is run: cases (a workload, a size, a transport), and the ways of each contender in them."""
from dataclasses import dataclass, field

CONTENDERS = ("raw", "zcnet", "libzmq", "nng", "libuv", "asio")
WORKLOADS = ("flow", "ping", "retain", "forward", "fanout", "echo", "idle")
K = 1 << 10
M = 1 << 20

SIZES = {
    "flow": (16, 64, 256, K, 4 * K, 16 * K, 64 * K, M),
    "ping": (64, 4 * K),
    "retain": (256, 4 * K, 64 * K),
    "forward": (4 * K,),
    "fanout": (4 * K,),
    "echo": (64,),
    "idle": (64,),
}
QUICK_SIZES = {**SIZES, "flow": (16, 64, 256, K, 4 * K, 64 * K), "ping": (64,)}

# The word that the programs know a workload by, and its further arguments.
PROGRAM = {
    "flow": ("flow", {}),
    "ping": ("ping", {}),
    "retain": ("retain", {}),
    "forward": ("forward", {"connections": 1}),
    "fanout": ("forward", {"connections": 100}),
    "echo": ("echo", {"connections": 10000, "in-flight": 256}),
    "idle": ("idle", {"connections": 10000}),
}


@dataclass(frozen=True)
class Entry:
    contender: str
    mode: str
    pin: bool


@dataclass(frozen=True)
class Case:
    workload: str
    size: int
    transport: str
    entries: tuple
    extra: dict = field(hash=False, default_factory=dict)

    @property
    def key(self):
        return (self.workload, self.size, self.transport)


def sensible(case_size, contender, mode):
    """Whether a mode is worth its time at a size: some are made for large messages, some for small ones."""
    if (contender, mode) == ("raw", "w256-exact"):
        return case_size >= 16 * K
    if contender == "zcnet" and mode.startswith("reserve"):
        return case_size <= 64 * K
    if (contender, mode) == ("zcnet", "unit-zero-copy"):
        return case_size >= 16 * K
    return True


def pins(workload, options):
    chosen = {"both": (True, False), "yes": (True,), "no": (False,)}[options.pin]
    # Memory does not depend on it, and a quick look at ten thousand connections need not.
    if workload == "idle" or (workload == "echo" and options.quick):
        return chosen[:1]
    return chosen


def cases(options, contenders):
    sizes = QUICK_SIZES if options.quick else SIZES
    planned = []
    for workload in options.only or WORKLOADS:
        program, arguments = PROGRAM[workload]
        for transport in options.transport or (("tcp",) if options.quick else ("tcp", "unix")):
            for size in options.sizes or sizes[workload]:
                entries = tuple(
                    Entry(name, mode, pin)
                    for pin in pins(workload, options)
                    for name, contender in contenders.items()
                    for mode in contender.workloads.get(program, ())
                    if sensible(size, name, mode))
                extra = dict(arguments)
                if workload == "retain":
                    extra["keep"] = 1000 if size > 4 * K else 10000
                if entries:
                    planned.append(Case(workload, size, transport, entries, extra))
    return planned


def rounds(case, options):
    """Memory is the same each time."""
    if case.workload == "idle":
        return 1 if options.quick else min(options.rounds, 2)
    return options.rounds


def minutes(planned, options):
    setup = {"echo": 1.2, "idle": 2.5, "fanout": 0.4}
    seconds = 0.0
    for case in planned:
        one = setup.get(case.workload, 0.05) + (0 if case.workload == "idle" else options.seconds * 1.3)
        seconds += one * len(case.entries) * (rounds(case, options) + (case.workload != "idle"))
    return seconds / 60
