# SPDX-License-Identifier: MIT
"""Draws SVG files of what `zcnet files FILE --json` prints: zcnet files FILE --json | python3 file_plots.py FOLDER."""
import json
import sys
from pathlib import Path

from machine import describe
from plots import plt, save, size_text

COLOURS = {"auto": "#0072b2", "sendfile": "#009e73", "splice": "#56b4e9", "mmap": "#cc79a7", "copy": "#d55e00", "direct": "#e69f00"}
FIGURES = {"cpu_s_gb": ("cpu", "Processor time of the sender", "CPU s/GB"), "gb_s": ("rate", "Rate", "GB/s")}
TRANSPORTS = {"tcp": "TCP over loopback", "unix": "Unix socket"}


def draw(rows, transport, cache, figure_name, folder, machine):
    name, title, unit = FIGURES[figure_name]
    sizes = sorted({row["size"] for row in rows})
    methods = [method for method in COLOURS if any(row["method"] == method for row in rows)]
    figure, axes = plt.subplots(figsize=(6, 3.6))
    width = 0.8 / len(methods)
    for index, method in enumerate(methods):
        found = {row["size"]: row[figure_name] for row in rows if row["method"] == method}
        axes.bar([at + index * width for at, size in enumerate(sizes) if size in found],
                 [found[size] for size in sizes if size in found], width * 0.9, color=COLOURS[method], label=method)
    axes.set_xticks([at + 0.4 - width / 2 for at in range(len(sizes))], [size_text(size) for size in sizes])
    axes.set_yscale("log")
    axes.set(title=f"{title}, {TRANSPORTS[transport]}, {cache} page cache", xlabel="bytes of a range", ylabel=unit)
    axes.legend(fontsize=7, frameon=False, ncol=3)
    save(figure, folder / f"files-{transport}-{cache}-{name}.svg", machine)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    groups = {}
    for line in sys.stdin:
        row = json.loads(line)
        if "failure" not in row:
            groups.setdefault((row["transport"], row["cache"]), []).append(row)
    machine = describe({})
    for (transport, cache), rows in groups.items():
        for figure_name in FIGURES:
            draw(rows, transport, cache, figure_name, folder, machine)


if __name__ == "__main__":
    main()
