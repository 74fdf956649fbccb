# SPDX-License-Identifier: MIT
"""Results as JSON and CSV, and the call of whatever Python has matplotlib."""
import csv
import json
import subprocess
import sys
from pathlib import Path

from . import goals


def as_data(results):
    return [dict(workload=result.case.workload, size=result.case.size, transport=result.case.transport, **result.case.extra,
                 entries=[dict(contender=entry.contender, mode=entry.mode, pin=entry.pin, samples=samples)
                          for entry, samples in result.samples.items()])
            for result in results]


def write_json(path, described, missing, failures, results, verdicts):
    path.write_text(json.dumps(dict(machine=described, missing=missing, failures=failures, cases=as_data(results),
                                    goals=goals.as_dicts(verdicts)), indent=1) + "\n", encoding="utf-8")


def write_csv(path, results):
    rows = [dict(workload=result.case.workload, size=result.case.size, transport=result.case.transport, contender=entry.contender,
                 mode=entry.mode, pin=int(entry.pin), round=number, **sample)
            for result in results for entry, samples in result.samples.items()
            for number, sample in enumerate(samples, 1) if sample]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def draw(folder, described, results):
    """The system's Python may have matplotlib where the one that runs this has not."""
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(dict(machine=described, cases=as_data(results)))
    script = Path(__file__).with_name("plots.py")
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3")):
        if not Path(python).exists() or subprocess.run([python, "-c", "import matplotlib"], capture_output=True).returncode != 0:
            continue
        subprocess.run([python, str(script), str(folder)], input=data, text=True, check=True)
        return
    print("missing: matplotlib (no plots were drawn)")
