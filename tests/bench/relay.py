#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcnet relay against HAProxy, with and without splicing, and socat: one stream through one thread of each. The raw ones
are the least that a relay can do (raw_relay.c): what no proxy is expected to undercut by much. raw poll splices too, but
waits for readiness, as everybody with more than one connection a thread has to.

    tests/bench/relay.py [--tool build/zcnet] [--rounds N] [--seconds N] [--writes 1K,16K,64K,1M] [--no-pin] [--json F]

Rounds are interleaved. A ratio is of one round, and above 1 is better for who stands first: bytes a second, and bytes
for a second of the proxy's processor time. The status is 0 unless somebody failed to do the work.
"""
import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from driver import compared, machine, tables  # noqa: E402

TRAFFIC = Path(__file__).with_name("traffic.py")
OURS = {"zcnet auto": "auto", "zcnet splice": "splice", "zcnet copy": "copy"}

# Who, against whom, the least ratio of bytes a second and of bytes for processor time; None: for comparison.
GOALS = (("zcnet auto", "haproxy splice", 0.97, 0.97), ("zcnet auto", "haproxy copy", None, 2.0),
         ("zcnet auto", "socat", None, 2.0), ("zcnet splice", "zcnet copy", None, 1 / 0.9),
         ("zcnet auto", "zcnet splice", None, None), ("zcnet auto", "raw copy", None, None),
         ("zcnet auto", "raw splice", None, None), ("zcnet splice", "raw poll", None, None), ("raw copy", "haproxy copy", None, None),
         ("raw splice", "haproxy copy", None, None), ("raw poll", "haproxy copy", None, None), ("raw copy", "socat", None, None),
         ("raw splice", "socat", None, None), ("raw poll", "socat", None, None))

HAPROXY = """
global
    nbthread 1
    maxconn 200
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    {splice}
listen through
    bind 127.0.0.1:{port}
    server sink 127.0.0.1:{sink}
"""
SPLICE = """option splice-request
    option splice-response"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/zcnet", help="the tool (build/zcnet)")
    parser.add_argument("--rounds", type=int, default=7, help="of each size, after one to warm up (7)")
    parser.add_argument("--seconds", type=float, default=1, help="of one run (1)")
    parser.add_argument("--writes", default="1K,16K,64K,1M", help="bytes that the source writes at a time")
    parser.add_argument("--no-pin", action="store_true", help="leave the placing of processes to the system")
    parser.add_argument("--json", type=Path, help="everything that was measured")
    parsed = parser.parse_args()
    parsed.writes = [compared.size(word) for word in parsed.writes.split(",")]
    return parsed


class Standing:
    """A proxy that goes on from one stream to the next."""

    def __init__(self, process, port):
        self.process, self.port, self.before = process, port, 0

    def begin(self):
        self.before = self.process.cpu_seconds()

    def cpu(self):
        return self.process.cpu_seconds() - self.before

    def end(self):
        return self.process.end()


class OneStream:
    """A proxy that ends with its stream: what it used is known then."""

    def __init__(self, sink, core):
        self.sink, self.core = sink, core

    def begin(self):
        self.port = compared.free_port()
        self.process = compared.Process("socat", ["socat", "-b", "65536", f"TCP-LISTEN:{self.port},bind=127.0.0.1",
                                                  f"TCP:127.0.0.1:{self.sink}"], self.core)
        # A connection to see whether it listens would be the only one that it serves.
        compared.wait_for(lambda: compared.listens(self.port), "socat")

    def cpu(self):
        _, status, used = os.wait4(self.process.started.pid, 0)
        self.process.started.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise RuntimeError(f"socat ended with status {status}")
        return used.ru_utime + used.ru_stime

    def end(self):
        return 0


def start(name, words, core):
    """A proxy whose first line says where it listens."""
    process = compared.Process(name, words, core, stdout=subprocess.PIPE, text=True)
    return Standing(process, int(process.started.stdout.readline().strip().rpartition(":")[2]))


def start_zcnet(options, method, sink, core):
    return start(f"zcnet relay --method {method}",
                 [options.tool, "relay", "tcp://127.0.0.1:0", f"tcp://127.0.0.1:{sink}", "--method", method, "--quiet"], core)


def compile_raw(folder):
    program = folder / "raw_relay"
    subprocess.run([*os.environ.get("CC", "cc").split(), "-O2", "-o", program, Path(__file__).with_name("raw_relay.c")], check=True)
    return program


def start_haproxy(folder, name, splice, sink, core):
    port = compared.free_port()
    file = folder / f"{name.replace(' ', '-')}.cfg"
    file.write_text(HAPROXY.format(port=port, sink=sink, splice=splice))
    process = compared.Process(name, ["haproxy", "-db", "-q", "-f", file], core)
    compared.wait_for(lambda: compared.listens(port), name)
    return Standing(process, port)


def run(proxy, sink, write, seconds, core):
    proxy.begin()
    pin = [] if core is None else ["taskset", "-c", str(core)]
    source = subprocess.run(pin + [sys.executable, TRAFFIC, "source", str(proxy.port), str(write), str(seconds)],
                            capture_output=True, text=True, check=True, timeout=seconds + compared.DEADLINE)
    sent, took = source.stdout.split()
    arrived = int(sink.started.stdout.readline())
    cpu = proxy.cpu()
    if arrived != int(sent):
        raise RuntimeError(f"{arrived} bytes of {sent} arrived")
    return dict(gigabytes_s=arrived / float(took) / 1e9, cpu_s_gb=cpu / (arrived / 1e9))


def measure(options, proxies, sink, core):
    results = {}
    for write in options.writes:
        samples = {name: [] for name in proxies}
        for number in range(options.rounds + 1):
            names = list(proxies)
            for name in names if number % 2 else reversed(names):
                sample = run(proxies[name], sink, write, options.seconds, core)
                if number:
                    samples[name].append(sample)
        results[write] = samples
        print(f"writes of {tables.size_text(write)} are done", file=sys.stderr, flush=True)
    return results


def values(samples, name, figure):
    return [sample[figure] for sample in samples[name]]


def report(results):
    names = list(next(iter(results.values())))
    print("\nCPU s/GB of the proxy (GB/s), medians, by the size of writes")
    rows = [["", *names]]
    for write, samples in results.items():
        rows.append([tables.size_text(write)] + [f"{statistics.median(values(samples, name, 'cpu_s_gb')):.3f} "
                                                 f"({statistics.median(values(samples, name, 'gigabytes_s')):.2f})" for name in names])
    print(tables.table(rows))
    rows = [["ratios", "writes", "bytes for CPU time", "", "bytes/s", ""]]
    verdicts = []
    for ours, theirs, rate_goal, cpu_goal in GOALS:
        for write, samples in results.items():
            rate = compared.compared(values(samples, ours, "gigabytes_s"), values(samples, theirs, "gigabytes_s"))
            cpu = compared.compared(values(samples, theirs, "cpu_s_gb"), values(samples, ours, "cpu_s_gb"))
            rows.append([f"{ours} / {theirs}", tables.size_text(write), compared.ratio_text(cpu), compared.outcome(cpu, cpu_goal),
                         compared.ratio_text(rate), compared.outcome(rate, rate_goal)])
            verdicts.append(dict(ours=ours, theirs=theirs, write=write, rate=rate, cpu=cpu, rate_goal=rate_goal, cpu_goal=cpu_goal))
    print("\n" + tables.table(rows))
    return verdicts


def versions():
    def first(words, index):
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return next(line for line in done.stdout.splitlines() if "version" in line).split()[index]
    return {"HAProxy": first(["haproxy", "-v"], 2), "socat": first(["socat", "-V"], 2)}


def main():
    options = arguments()
    core, driver_core = (None, None) if options.no_pin else compared.cores()
    described = machine.describe({})
    described["versions"] = versions()
    print(machine.line(described), flush=True)
    with tempfile.TemporaryDirectory(prefix="zcnet-bench.") as name, contextlib.ExitStack() as ends:
        folder = Path(name)
        sink = compared.Process("sink", [sys.executable, TRAFFIC, "sink"], driver_core, stdout=subprocess.PIPE, text=True)
        ends.callback(sink.end)
        port = int(sink.started.stdout.readline())
        proxies = {}

        def add(what, proxy):
            proxies[what] = proxy
            ends.callback(proxy.end)
        for what, method in OURS.items():
            add(what, start_zcnet(options, method, port, core))
        add("haproxy splice", start_haproxy(folder, "haproxy splice", SPLICE, port, core))
        add("haproxy copy", start_haproxy(folder, "haproxy copy", "", port, core))
        add("socat", OneStream(port, core))
        raw = compile_raw(folder)
        for method in ("copy", "splice", "poll"):
            add(f"raw {method}", start(f"raw {method}", [raw, method, str(port)], core))
        results = measure(options, proxies, sink, driver_core)
        for what in OURS:
            if proxies[what].end() != 0:
                sys.exit(f"bench: {what} did not end in order")
    verdicts = report(results)
    if options.json:
        options.json.write_text(json.dumps(dict(machine=described, writes=results, verdicts=verdicts), indent=1) + "\n")


if __name__ == "__main__":
    main()
