#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds standard input to the rules of Prometheus' text format, and to its rules for names: help and type once and in
front of the samples, samples of a metric together and each series once, base units, _total behind counters alone."""
import re
import sys

METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({METRIC})(?:\{{((?:{LABEL},)*{LABEL})?\}})? ([^ ]+)(?: -?[0-9]+)?")
KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
NO_BASE_UNITS = re.compile(r"_(ns|us|ms|nanoseconds|microseconds|milliseconds|minutes|hours|kb|mb|kib|mib|"
                           r"kilobytes|megabytes|bits|percent)(_total)?$")


def check(text):
    faults = []
    metrics = {}  # name: (has help, kind, has samples)
    series = set()
    last = None
    if text and not text.endswith("\n"):
        faults.append("the last line has no end")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        def fault(why):
            faults.append(f"line {number}: {why}: {line}")

        comment = re.fullmatch(rf"# (HELP|TYPE) ({METRIC}) (.*)", line)
        if comment:
            what, name, rest = comment.groups()
            entry = metrics.setdefault(name, {"HELP": None, "TYPE": None, "samples": 0})
            if entry[what] is not None:
                fault(f"a second {what} of a metric")
            if entry["samples"]:
                fault(f"{what} behind samples")
            if what == "TYPE" and rest not in KINDS:
                fault("no such type")
            if what == "HELP" and (not rest.strip() or re.search(r"\\(?![\\n])", rest)):
                fault("help is empty or wrongly escaped")
            entry[what] = rest
            last = name
            continue
        if line == "" or line.startswith("#"):
            continue
        sample = SAMPLE.fullmatch(line)
        if not sample:
            fault("neither comment nor sample")
            continue
        name = sample[1]
        labels = [(pair[0], pair[1]) for pair in re.findall(LABEL, sample[2] or "")]
        if len({label for label, _ in labels}) != len(labels):
            fault("a label twice")
        if any(label.startswith("__") for label, _ in labels):
            fault("a label that is reserved")
        try:
            value = float(sample.groups()[-1])
        except ValueError:
            fault("no number")
            continue
        if (name, frozenset(labels)) in series:
            fault("a series twice")
        series.add((name, frozenset(labels)))
        entry = metrics.get(name)
        if entry is None or not entry["HELP"] or not entry["TYPE"]:
            fault("a sample without help and type")
            continue
        if last != name:
            fault("a sample apart from its metric")
        entry["samples"] += 1
        if (entry["TYPE"] == "counter") != name.endswith("_total"):
            fault("_total is for counters")
        if entry["TYPE"] == "counter" and value < 0:
            fault("a counter below 0")
        if NO_BASE_UNITS.search(name):
            fault("no base unit")
    faults += [f"{name} has no sample" for name, entry in metrics.items() if not entry["samples"]]
    if not series:
        faults.append("there is no sample")
    return faults


def must_find():
    """What a checker that finds nothing would pass."""
    head = "# HELP a_total x\n# TYPE a_total counter\n"
    wrong = [
        "", "a_total 1\n", "# TYPE a_total counter\na_total 1\n", head, head + "a_total 1", head + "a_total one\n",
        head + "a_total 1\na_total 1\n", head + 'a_total{b="1",b="2"} 1\n', head + 'a_total{b="\\x"} 1\n',
        head + "a_total{b=1} 1\n", head + head + "a_total 1\n", head + "a_total 1\n# TYPE a_total counter\n",
        head.replace("a_total", "a") + "a 1\n", head.replace("counter", "gauge") + "a_total 1\n",
        head.replace("a_total", "a_ns_total") + "a_ns_total 1\n", head + 'a_total{__b="1"} 1\n',
        head + "a_total -1\n", head + "a_total 1\n" + head.replace("a_", "b_") + "b_total 1\na_total{c=\"2\"} 1\n",
    ]
    passed = [text for text in wrong if not check(text)]
    right = head + 'a_total{b="\\"x\\\\\\n",c=""} 1\na_total 2e5\n'
    return [f"the checker passes {text!r}" for text in passed] + check(right)


found = must_find() or check(sys.stdin.read())
print("\n".join(found[:20]) or "the format is kept")
sys.exit(1 if found else 0)
