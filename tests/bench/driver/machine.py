# SPDX-License-Identifier: MIT
"""The line that says where figures come from."""
import os
import platform
import time


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for text in file:
                if text.startswith("model name"):
                    return text.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def describe(contenders):
    return dict(processor=processor(), cores=len(os.sched_getaffinity(0)), kernel=platform.release(),
                load=os.getloadavg()[0], date=time.strftime("%Y-%m-%d %H:%M"),
                versions={name: contender.version for name, contender in contenders.items() if contender.version})


def line(described):
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return (f"{described['processor']}, {described['cores']} cores, Linux {described['kernel']}, load {described['load']:.1f}, "
            f"{described['date']}; {versions}")
