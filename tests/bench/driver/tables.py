# SPDX-License-Identifier: MIT
"""Results as text: a table a workload and transport, a column a contender."""
from . import plan


def short(value):
    """Three digits and a scale."""
    if value is None:
        return "-"
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g}{letter}" if value / scale < 100 else f"{value / scale:.0f}{letter}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def size_text(size):
    if size >= plan.M and size % plan.M == 0:
        return f"{size // plan.M} MiB"
    return f"{size // plan.K} KiB" if size >= plan.K and size % plan.K == 0 else f"{size} B"


# Modes of raw whose receiver sleeps as soon as nothing is there, and those that ask again for a while.
SLEEPING = ("w64-r256", "w256-r256", "w64-r64", "w64-r64-even", "w64-r256-even", "w256-exact")
SPINNING = ("w64-r64-spin", "w256-r256-spin", "w64-r64-even-spin")


def apart(name, *modes):
    """A column for each mode."""
    return {name: {f"{name} {mode}": (mode,) for mode in modes}}


# (figure, lowest is best, the contenders whose modes stand apart and in what columns, what a cell says)
SHOWN = {
    "flow": ("rate", False,
             {"raw": {"raw": SLEEPING, "raw spin": SPINNING},
              "zcnet": {"zcnet unit": ("unit",), "zcnet batch": ("batch",), "zcnet reserve": ("reserve",),
                        "zcnet spin": ("batch-spin", "reserve-spin")},
              "libuv": {"libuv": ("bufs",), "libuv packed": ("chunks",)}},
             "messages/s (CPU ns a message, both sides)"),
    "retain": ("rate", False, apart("zcnet", "batch", "reserve"), "messages/s (CPU ns a message, both sides)"),
    "ping": ("p50_us", True, apart("raw", "block", "epoll", "spin") | apart("zcnet", "wait", "spin"), "median us (99 %)"),
    "forward": ("cpu_s_gb", True, apart("raw", "late", "soon", "deep"), "CPU s/GB of the process under test (GB/s in)"),
    "fanout": ("cpu_s_gb", True, apart("raw", "late", "soon", "deep"), "CPU s/GB of the process under test (GB/s in)"),
    "echo": ("rate", False, {}, "requests/s (server CPU ns a request)"),
    "idle": ("idle", True, {}, "bytes a connection: idle / one byte of a message / idle again after a round trip"),
}
BESIDE = {"flow": "cpu_ns", "retain": "cpu_ns", "ping": "p99_us", "forward": "gigabytes_s", "fanout": "gigabytes_s",
          "echo": "server_cpu_ns"}


def columns(results, workload):
    """Heading, contender and modes of each column."""
    found = []
    for name in plan.CONTENDERS:
        present = {entry.mode for result in results for entry in result.samples if entry.contender == name}
        for head, modes in SHOWN[workload][2].get(name, {name: None}).items():
            if present and (modes is None or present.intersection(modes)):
                found.append((head, name, modes))
    return found


def cell(result, workload, name, modes):
    figure, lowest, _, _ = SHOWN[workload]
    entry = result.best(figure, name, modes, lowest)
    if entry is None:
        return "-"
    if workload == "idle":
        return " / ".join(f"{result.median(entry, part):.0f}" for part in ("idle", "one_byte", "idle_after"))
    return f"{short(result.median(entry, figure))} ({short(result.median(entry, BESIDE[workload]))})"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths)))
                     for row in rows)


def text(results):
    parts = []
    for workload in plan.WORKLOADS:
        for transport in ("tcp", "unix"):
            chosen = [result for result in results if result.case.workload == workload and result.case.transport == transport]
            if not chosen:
                continue
            heads = columns(chosen, workload)
            rows = [["size"] + [head for head, _, _ in heads]]
            rows += [[size_text(result.case.size)] + [cell(result, workload, name, modes) for _, name, modes in heads] for result in chosen]
            parts.append(f"\n{workload}, {transport}: {SHOWN[workload][3]}\n{table(rows)}")
    return "\n".join(parts)


# What a page that is read has room for: the columns whose head is among these, the figure alone.
READ = {
    "flow": ("raw", "zcnet unit", "zcnet batch", "zcnet reserve", "libzmq", "nng", "libuv", "libuv packed", "asio"),
    "ping": ("raw epoll", "raw spin", "zcnet wait", "zcnet spin", "libzmq", "nng", "libuv", "asio"),
    "retain": ("raw", "zcnet batch", "libzmq", "nng", "libuv", "asio"),
    "forward": ("raw late", "raw soon", "raw deep", "zcnet"),
    "fanout": ("raw late", "raw soon", "raw deep", "zcnet"),
    "echo": ("raw", "zcnet", "libuv", "asio"),
    "idle": ("raw", "zcnet", "libuv", "asio"),
}
UNITS = {"flow": "messages/s", "ping": "median µs", "retain": "messages/s", "forward": "CPU s/GB", "fanout": "CPU s/GB",
         "echo": "requests/s", "idle": "bytes a connection: idle / one byte of a message / idle again"}


def markdown(results):
    """The results over TCP as tables of a Markdown page."""
    parts = []
    for workload in plan.WORKLOADS:
        chosen = [result for result in results if result.case.workload == workload and result.case.transport == "tcp"]
        heads = [head for head in columns(chosen, workload) if head[0] in READ[workload]]
        if not chosen or not heads:
            continue
        lines = [f"| {workload}, {UNITS[workload]} | " + " | ".join(head for head, _, _ in heads) + " |",
                 "|---|" + "---:|" * len(heads)]
        for result in chosen:
            cells = [cell(result, workload, name, modes) for _, name, modes in heads]
            lines.append(f"| {size_text(result.case.size)} | " + " | ".join(text.split(" (")[0] for text in cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
