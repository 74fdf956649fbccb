#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seeded faults for the explorer: each memory order of the explored code is weakened, one at a time, and some scenario
has to find it.

    mutate.py BUILD [all] [--only TEXT]

Without "all" only the short scenarios look for the fault. An order that none finds may be relaxed; one that stays for a
reason that the model cannot see stands in `kept` below, with the reason. The end says how many were found, kept and
missed; missed ones make it fail, as do entries of `kept` that are found after all or that name nothing.
"""
import os
import re
import subprocess
import sys
import tempfile

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
source = os.path.join(root, "src") + os.sep
programs = ["stack", "inbox", "directory", "blocks", "views", "survey", "pool", "room", "threads"]
weaker = {"acq_rel": ["acquire", "release"], "acquire": ["relaxed"], "release": ["relaxed"]}

# (file, a part of the line, what is weakened, to what): why it stays.
buffered = ("what it forbids is an exchange that comes before its own flag: a cycle of program order and reads-from, "
            "which the model does not have and weakly ordered processors do")
strength = "compilers refuse an order on success that is weaker than the one on failure"
account = "memory/pool_account.cpp"
kept = {
    (account, "use_giver - bytes", "success", "release"): buffered,
    (account, "use_.fetch_add(0,", "success", "release"): buffered,
    (account, "use_.fetch_or(", "success", "acquire"): buffered,
    (account, "use_.fetch_and(", "success", "relaxed"): buffered,
    ("memory/pool_search.cpp", "in_hand_.fetch_add(1", "success", "relaxed"): buffered,
    ("memory/pool_search.cpp", "now = pool_.in_hand_.fetch_add(0", "success", "relaxed"): buffered,
    ("memory/tagged_stack.h", "head_.compare_exchange_weak(seen, next, std::memory_order_acquire", "success", "relaxed"):
        strength,
    ("memory/tagged_stack.h", "head_.compare_exchange_weak(seen, word(tag(seen) + 1, next)", "success", "relaxed"):
        strength,
    ("memory/directory.h", "compare_exchange_strong(", "success", "release"): strength,
    ("memory/pool.cpp", "process_pool.compare_exchange_strong(", "success", "release"): strength,
    ("receive/view.h", "handle.group->word.load(", "success", "relaxed"):
        "a holder got its handle through something that synchronises; a stale one may have come by nothing of the kind",
}


def run(words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def sites_of(program, scenarios):
    """The atomic operations that a program meets: address, kind, order, order on failure."""
    with tempfile.NamedTemporaryFile("r") as file:
        answer = run([program, *scenarios], env={**os.environ, "ZCNET_MODEL_SITES": file.name})
        if answer.returncode != 0:
            sys.exit(f"{program} fails as it is:\n{answer.stdout}")
        return sorted({tuple(line.split()) for line in file})


def lines_of(program, addresses):
    """For each address the innermost place that is the library's: (file, line), or None."""
    fixed = run(["readelf", "-h", program]).stdout.find("EXEC (") >= 0
    base = 0x400000 if fixed else 0
    words = [hex(int(address, 16) + base - 1) for address in addresses]
    answer = subprocess.run(["addr2line", "-aie", program], input="\n".join(words), stdout=subprocess.PIPE, text=True)
    places, frames = [], None
    for line in answer.stdout.splitlines():
        if line.startswith("0x"):
            frames = []
            places.append(frames)
        else:
            frames.append(line.split(" ")[0].rsplit(":", 1))
    found = []
    for frames in places:
        # The compiler may have noted paths that are relative to anything.
        inner = [(name.rsplit("/src/", 1)[-1], int(number)) for name, number in frames if number.isdigit()]
        inner = [(name, number) for name, number in inner if os.path.isfile(source + name)]
        found.append(inner[0] if inner else None)
    return found


def collect(build, scenarios):
    """(file, line, kind, order, failure) → {program: [address]}"""
    all_sites = {}
    for name in programs:
        program = os.path.join(build, "tests/model", name)
        sites = sites_of(program, scenarios)
        for site, place in zip(sites, lines_of(program, [site[0] for site in sites])):
            # The system below is a stand-in here.
            if place is not None and not place[0].startswith("os/"):
                all_sites.setdefault((*place, *site[1:]), {}).setdefault(program, []).append(site[0])
    return all_sites


def mutations(site):
    _, _, kind, order, failure = site
    for to in weaker.get(order, []):
        yield "success", order, to
    if kind == "compare":
        for to in weaker.get(failure, []):
            yield "failure", failure, to


def is_found(addresses, what, to, scenarios):
    for program, places in addresses.items():
        environment = {**os.environ, "ZCNET_MODEL_WEAKEN": f"{what}:{to}:{','.join(places)}"}
        answer = run([program, *scenarios], env=environment)
        if answer.returncode != 0:
            broken = re.findall(r"^(a data race|an access to memory .*|.*is given back twice|[^\[\n]*)\n    at ", answer.stdout, re.M)
            scenario = re.findall(r"^in (.*), after$", answer.stdout, re.M)
            return f"{os.path.basename(program)}: {scenario[0] if scenario else '?'}: {broken[0] if broken else '?'}"
    return None


def reason_for(site, text, what, to):
    for (name, part, kept_what, kept_to), reason in kept.items():
        if name == site[0] and part in text and kept_what == what and kept_to == to:
            return (name, part, kept_what, kept_to), reason
    return None, None


def main():
    words = sys.argv[1:]
    only = words.pop(words.index("--only") + 1) if "--only" in words else ""
    words = [word for word in words if word != "--only"]
    build, scenarios = words[0], words[1:]
    found = missed = stays = 0
    unused = set(kept)
    met_lines = set()
    for site, addresses in sorted(collect(build, scenarios).items()):
        with open(os.path.join(source, site[0])) as file:
            lines = file.read().splitlines()
        # A statement may go over several lines.
        text = " ".join(line.strip() for line in lines[site[1] - 1:site[1] + 2])
        met_lines.add(site[:2])
        for what, order, to in mutations(site):
            name = f"{site[0]}:{site[1]}: {site[2]}, {what}: {order} to {to}"
            if only not in name:
                continue
            key, reason = reason_for(site, text, what, to)
            unused.discard(key)
            how = is_found(addresses, what, to, scenarios)
            if how is not None and reason is None:
                found += 1
                print(f"found   {name}\n            {how}")
            elif how is None and reason is not None:
                stays += 1
                print(f"kept    {name}\n            {reason}")
            else:
                missed += 1
                print(f"MISSED  {name}" if how is None else f"FOUND, though it is kept for a reason: {name}\n    {how}")
                print(f"            {text}")
            sys.stdout.flush()
    if only == "":
        for key in sorted(unused):
            missed += 1
            print(f"MISSED  kept for a reason, but not there: {key}")
    print(f"{found} found, {stays} kept, {missed} missed")
    return missed != 0


if __name__ == "__main__":
    sys.exit(main())
