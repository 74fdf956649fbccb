#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zcnet serve against nginx, with wrk: one thread against one worker, interleaved rounds of each.

    tests/bench/files.py [--tool build/zcnet] [--rounds N] [--seconds N] [--sizes 1K,16K,64K,1M,64M] [--method M]
                         [--no-pin] [--json F]

A ratio is ours to theirs of one round, so that above 1 is better: requests a second, and requests for a second of the
server's processor time. The status is 0 unless somebody failed to do the work.

wrk has one thread. Where it is busy all the time with both servers, the rate is its own, and the table says so.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from driver import compared, machine, tables  # noqa: E402

CONNECTIONS = ((64 << 10, 64), (1 << 20, 16))  # up to a size; 4 above
GOALS = {1 << 10: 1.15, 16 << 10: 1.15}        # requests a second, against nginx; 1 above
BUSY = 0.95                                    # of the time: wrk can do no more
WHOLE = 1 << 20                                # up to here requests are counted, above bytes

# What wrk counted, exactly and without words.
COUNTS = """
done = function(summary)
    local e = summary.errors
    io.write(string.format('{"requests": %d, "bytes": %d, "seconds": %.6f, "errors": %d}\\n', summary.requests, summary.bytes,
                           summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
"""

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
{user}
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    types {{ application/octet-stream bin; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {listen}; root {root}; }}
}}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/zcnet", help="the tool (build/zcnet)")
    parser.add_argument("--rounds", type=int, default=7, help="of each size, after one to warm up (7)")
    parser.add_argument("--seconds", type=int, default=2, help="of one run (2)")
    parser.add_argument("--sizes", default="1K,16K,64K,1M,64M", help="bytes of a file")
    parser.add_argument("--method", default="auto", help="how zcnet serve sends what is large")
    parser.add_argument("--no-pin", action="store_true", help="leave the placing of processes to the system")
    parser.add_argument("--json", type=Path, help="everything that was measured")
    parsed = parser.parse_args()
    parsed.sizes = [compared.size(word) for word in parsed.sizes.split(",")]
    return parsed


def start_zcnet(options, root, core):
    process = compared.Process("zcnet serve", [options.tool, "serve", root, "tcp://127.0.0.1:0", "--method", options.method],
                               core, stdout=subprocess.PIPE, text=True)
    return process, process.started.stdout.readline().strip().replace("tcp://", "http://")


def start_nginx(folder, root, core):
    port = compared.free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, root=root, listen=f"127.0.0.1:{port}", user=user))
    process = compared.Process("nginx", ["nginx", "-p", folder, "-e", folder / "nginx.err", "-c", folder / "nginx.conf"], core)
    process.first_child()
    compared.wait_for(lambda: compared.listens(port), "nginx")
    return process, f"http://127.0.0.1:{port}"


def run_wrk(script, url, connections, seconds, core):
    pin = [] if core is None else ["taskset", "-c", str(core)]
    before = children_seconds()
    done = subprocess.run(pin + ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", script, url],
                          capture_output=True, text=True, check=True)
    counts = json.loads(done.stdout.splitlines()[-1])
    if counts["errors"] or not counts["bytes"]:
        raise RuntimeError(f"wrk {url}: {done.stdout}")
    counts["busy"] = (children_seconds() - before) / counts["seconds"]
    return counts


def children_seconds():
    """Of processor time, of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(process, script, url, file_size, connections, seconds, core):
    before = process.cpu_seconds()
    counts = run_wrk(script, url, connections, seconds, core)
    cpu = process.cpu_seconds() - before
    # Of large files some are under way in the end: what has come of them counts.
    done = counts["bytes"] / file_size if file_size > WHOLE else counts["requests"]
    return dict(rate=done / counts["seconds"], cpu_us=cpu / done * 1e6, cpu_s_gb=cpu / done / file_size * 1e9,
                wrk_busy=counts["busy"])


def connections_for(file_size):
    return next((count for limit, count in CONNECTIONS if file_size <= limit), 4)


def measure(options, servers, script, driver_core):
    results = {}
    for file_size in options.sizes:
        samples = {name: [] for name in servers}
        for number in range(options.rounds + 1):
            names = list(servers)
            # Who comes first has what the other left in the caches.
            for name in names if number % 2 else reversed(names):
                process, url = servers[name]
                sample = run(process, script, f"{url}/{file_size}.bin", file_size, connections_for(file_size), options.seconds,
                             driver_core)
                if number:
                    samples[name].append(sample)
        results[file_size] = samples
        print(f"{tables.size_text(file_size)} is done", file=sys.stderr, flush=True)
    return results


def values(samples, name, figure):
    return [sample[figure] for sample in samples[name]]


def report(results):
    rows = [["size", "nginx: requests/s", "CPU us", "CPU s/GB", "wrk", "zcnet: requests/s", "CPU us", "CPU s/GB", "wrk",
             "requests/s, ratio", "", "for CPU time, ratio", ""]]
    verdicts = []
    for file_size, samples in results.items():
        rate = compared.compared(values(samples, "zcnet", "rate"), values(samples, "nginx", "rate"))
        cpu = compared.compared(values(samples, "nginx", "cpu_us"), values(samples, "zcnet", "cpu_us"))
        goal = GOALS.get(file_size, 1.0)
        row = [tables.size_text(file_size)]
        for name in ("nginx", "zcnet"):
            row += [f"{statistics.median(values(samples, name, 'rate')):.0f}", f"{statistics.median(values(samples, name, 'cpu_us')):.1f}",
                    f"{statistics.median(values(samples, name, 'cpu_s_gb')):.3f}",
                    f"{100 * statistics.median(values(samples, name, 'wrk_busy')):.0f} %"]
        row += [compared.ratio_text(rate), compared.outcome(rate, goal), compared.ratio_text(cpu), compared.outcome(cpu, 1.0)]
        rows.append(row)
        busy = min(statistics.median(values(samples, name, "wrk_busy")) for name in samples)
        verdicts.append(dict(size=file_size, rate=rate, cpu=cpu, goal=goal, wrk_is_the_limit=busy >= BUSY))
    print(tables.table(rows))
    limited = [tables.size_text(verdict["size"]) for verdict in verdicts if verdict["wrk_is_the_limit"]]
    if limited:
        print(f"the rate is wrk's, which has no time left with either server: {', '.join(limited)}")
    return verdicts


def main():
    options = arguments()
    core, driver_core = (None, None) if options.no_pin else compared.cores()
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip().split("/")[-1]
    described = machine.describe({})
    described["versions"] = {"nginx": version}
    print(machine.line(described), flush=True)
    servers = {}
    with tempfile.TemporaryDirectory(prefix="zcnet-bench.") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        for file_size in options.sizes:
            with (root / f"{file_size}.bin").open("wb") as file:
                block = bytes(range(256)) * 4096
                for start in range(0, file_size, len(block)):
                    file.write(block[:min(len(block), file_size - start)])
        try:
            servers["zcnet"] = start_zcnet(options, root, core)
            servers["nginx"] = start_nginx(folder, root, core)
            script = folder / "counts.lua"
            script.write_text(COUNTS)
            results = measure(options, servers, script, driver_core)
            memory = {name: process.memory() for name, (process, _) in servers.items()}
        finally:
            ended = {name: process.end() for name, (process, _) in servers.items()}
    verdicts = report(results)
    print("memory at its highest: " + ", ".join(f"{name} {bytes_ / 1e6:.0f} MB" for name, bytes_ in memory.items()))
    if options.json:
        options.json.write_text(json.dumps(dict(machine=described, sizes=results, verdicts=verdicts, memory=memory), indent=1) + "\n")
    for name, status in ended.items():
        if status != 0:
            sys.exit(f"bench: {name} ended with status {status}")


if __name__ == "__main__":
    main()
