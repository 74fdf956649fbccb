#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts structs of an ABI dump that start with their own size, and grew at their end, to what they were in an older one.

A program says how much of such a struct it knows, so that what was added to it breaks nobody.
    abi_shorten.py OLDER.abi NEWER.abi OUT.abi
"""
import sys
import xml.etree.ElementTree as tree


def structs(dump):
    return {item.get("name"): item for item in dump.iter("class-decl") if item.get("size-in-bits")}


def starts_with_its_size(struct):
    first = struct.find("data-member/var-decl")
    return first is not None and first.get("name") == "struct_size"


older, newer = (tree.parse(path) for path in sys.argv[1:3])
for name, now in structs(newer).items():
    before = structs(older).get(name)
    if before is None or not starts_with_its_size(now) or not starts_with_its_size(before):
        continue
    size = int(before.get("size-in-bits"))
    if size >= int(now.get("size-in-bits")):
        continue
    now.set("size-in-bits", str(size))
    for member in now.findall("data-member"):
        if int(member.get("layout-offset-in-bits")) >= size:
            now.remove(member)
newer.write(sys.argv[3])
