# SPDX-License-Identifier: MIT
"""Draws SVG files of the results that stand on the standard input: plots.py FOLDER."""
import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "zcnet", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
                            "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3})
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"raw": "#444444", "zcnet": "#0072b2", "libzmq": "#d55e00", "nng": "#cc79a7", "libuv": "#009e73", "asio": "#e69f00"}
STYLES = {"unit": ":", "reserve": "--"}
# figure, whether the lowest is best, title, label of the axis
BARS = {
    "ping": ("p50_us", True, "Round trip, median", "µs"),
    "retain": ("rate", False, "Messages kept, released by a second thread", "messages/s"),
    "forward": ("cpu_s_gb", True, "Forwarding", "CPU s/GB"),
    "fanout": ("cpu_s_gb", True, "Fan-out to 100 receivers", "CPU s/GB"),
    "echo": ("rate", False, "Echo, 10,000 connections", "requests/s"),
    "idle": ("idle", True, "Memory of an idle connection", "bytes"),
}


def median(entry, figure):
    values = [sample[figure] for sample in entry["samples"] if sample and figure in sample]
    return statistics.median(values) if values else None


def best(case, contender, figure, lowest, modes=None):
    values = [value for entry in case["entries"]
              if entry["contender"] == contender and (modes is None or entry["mode"] in modes)
              and (value := median(entry, figure)) is not None]
    return (min if lowest else max)(values) if values else None


def size_text(size):
    for scale, letter in ((1 << 20, "M"), (1 << 10, "K")):
        if size >= scale:
            return f"{size // scale}{letter}"
    return str(size)


def save(figure, path, machine):
    figure.text(0.01, 0.005, f"{machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}", fontsize=6, color="#666666")
    figure.tight_layout(rect=(0, 0.02, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def lines_of(cases, name):
    """zcnet has a line for each of its ways to send, the others one for their best."""
    modes = {entry["mode"] for case in cases for entry in case["entries"] if entry["contender"] == name}
    if not modes:
        return []
    if name == "zcnet":
        return [(f"zcnet {mode}", (mode,), STYLES.get(mode, "-")) for mode in ("unit", "batch", "reserve") if mode in modes]
    spinning = tuple(mode for mode in modes if mode.endswith("spin"))
    if spinning:
        return [("limit (raw)", tuple(modes.difference(spinning)), "-"), ("raw, spinning", spinning, ":")]
    return [(name, None, "-")]


def flow(cases, transport, folder, machine):
    for figure_name, lowest, title, unit in (("rate", False, "Flow", "messages/s"), ("cpu_ns", True, "CPU time of both sides", "ns a message")):
        figure, axes = plt.subplots(figsize=(7, 4.2))
        for name, colour in COLOURS.items():
            for label, modes, style in lines_of(cases, name):
                points = [(case["size"], value) for case in cases if (value := best(case, name, figure_name, lowest, modes)) is not None]
                if points:
                    axes.plot(*zip(*points), style, marker="o", markersize=3, color=colour, label=label)
        sizes = [case["size"] for case in cases]
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(sizes, [size_text(size) for size in sizes])
        axes.minorticks_off()
        axes.set(title=f"{title}, {transport}", xlabel="bytes of a message", ylabel=unit)
        axes.legend(fontsize=7, frameon=False)
        save(figure, folder / f"flow-{transport}-{'rate' if figure_name == 'rate' else 'cpu'}.svg", machine)


def bars(cases, workload, transport, folder, machine):
    figure_name, lowest, title, unit = BARS[workload]
    figure, axes = plt.subplots(figsize=(6, 3.6))
    entries = [(name, mode) for name in COLOURS for mode in dict.fromkeys(
        entry["mode"] for case in cases for entry in case["entries"] if entry["contender"] == name)]
    width = 0.8 / max(1, len(entries))
    for index, (name, mode) in enumerate(entries):
        values = [best(case, name, figure_name, lowest, (mode,)) or 0 for case in cases]
        axes.bar([at + index * width for at in range(len(cases))], values, width * 0.9, color=COLOURS[name],
                 alpha=1 - 0.25 * [m for n, m in entries if n == name].index(mode), label=f"{name} {mode}")
    axes.set_xticks([at + 0.4 - width / 2 for at in range(len(cases))], [size_text(case["size"]) for case in cases])
    if workload == "retain":
        axes.set_yscale("log")
    axes.set(title=f"{title}, {transport}", xlabel="bytes of a message", ylabel=unit)
    axes.legend(fontsize=6, frameon=False, ncol=2)
    save(figure, folder / f"{workload}-{transport}.svg", machine)


def main():
    data = json.load(sys.stdin)
    folder = Path(sys.argv[1])
    groups = {}
    for case in data["cases"]:
        groups.setdefault((case["workload"], case["transport"]), []).append(case)
    for (workload, transport), cases in groups.items():
        if workload == "flow":
            flow(cases, transport, folder, data["machine"])
        else:
            bars(cases, workload, transport, folder, data["machine"])


if __name__ == "__main__":
    main()
