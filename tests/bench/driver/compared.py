# SPDX-License-Identifier: MIT
"""Processes that are measured from outside, round by round, and the ratios of what was measured."""
import math
import os
import socket
import statistics
import subprocess
import time
from pathlib import Path

DEADLINE = 20  # seconds for a process to begin or to end


def wait_for(condition, what, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return found


def size(text):
    scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * scale[text[-1]] if text[-1] in scale else int(text)


def free_port():
    """For a server that cannot say which port it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """Without a connection, which some servers would take for their only one."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if local == wanted and state == "0A":
            return True
    return False


class Process:
    """A program in the background, whose processor time is what all of its threads have run for."""

    def __init__(self, name, command, core=None, **more):
        self.name = name
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self.started = subprocess.Popen(pin + [str(word) for word in command], **more)
        self.pid = self.started.pid

    def first_child(self):
        """For programs that leave the work to another process."""
        file = Path(f"/proc/{self.started.pid}/task/{self.started.pid}/children")
        self.pid = int(wait_for(lambda: file.read_text().split(), f"{self.name}: a worker")[0])

    def cpu_seconds(self):
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self):
        """Resident bytes at their highest."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def end(self):
        if self.started.poll() is None:
            self.started.terminate()
            try:
                self.started.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.started.kill()
                self.started.wait()
        return self.started.returncode


def cores():
    """One for who is measured and one for who drives it; None where there are not two."""
    found = sorted(os.sched_getaffinity(0))
    return (found[0], found[1]) if len(found) > 1 else (None, None)


def interval(values):
    """Where the median lies with a confidence of 95 %, by the order of the values alone; with few of them all that there is."""
    ordered = sorted(values)
    n = len(ordered)
    outside, k = 0.0, 0
    while k < n // 2:
        outside += math.comb(n, k) / 2 ** n
        if 2 * outside > 0.05:
            break
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def compared(ours, theirs):
    """Rounds of two, as the ratio of each: median, low, high."""
    ratios = [a / b for a, b in zip(ours, theirs)]
    return (statistics.median(ratios), *interval(ratios))


def ratio_text(ratio):
    middle, low, high = ratio
    return f"{middle:.2f} [{low:.2f}-{high:.2f}]"


def outcome(ratio, goal):
    """Ahead or behind is more than 3 % and more than chance; a goal is judged by the median."""
    middle, low, high = ratio
    said = "ahead" if middle >= 1.03 and low > 1 else "behind" if middle <= 1 / 1.03 and high < 1 else "level"
    return said + ("" if goal is None else ", met" if middle >= goal else ", MISSED")
