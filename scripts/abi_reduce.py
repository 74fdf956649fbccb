#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reduces an ABI dump, in place, to what programs depend on.

Handles are opaque: what is in them is nobody's business, though private headers bear the names of public ones. A struct
that starts with its own size may grow at its end, since a program says how much of it it knows: it is cut to what it was
in an older dump, where there is one.
    abi_reduce.py DUMP INCLUDE [OLDER]
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as tree


def structs(dump):
    return [item for item in dump.iter("class-decl") if item.get("size-in-bits")]


def starts_with_its_size(struct):
    first = struct.find("data-member/var-decl")
    return first is not None and first.get("name") == "struct_size"


dump, include = tree.parse(sys.argv[1]), pathlib.Path(sys.argv[2])
text = "\n".join(header.read_text() for header in sorted(include.glob("zcnet/*.h")))
opaque = set(re.findall(r"^typedef struct (zcn_\w+) \1;", text, re.MULTILINE))
opaque -= set(re.findall(r"^} (zcn_\w+);", text, re.MULTILINE))
for struct in structs(dump):
    if struct.get("name") not in opaque:
        continue
    # What is declared inside may be named elsewhere in the dump.
    for part in list(struct):
        if part.tag != "member-type":
            struct.remove(part)
    struct.set("size-in-bits", "0")

if len(sys.argv) > 3:
    older = {struct.get("name"): struct for struct in structs(tree.parse(sys.argv[3]))}
    for struct in structs(dump):
        before = older.get(struct.get("name"))
        if before is None or not starts_with_its_size(struct) or not starts_with_its_size(before):
            continue
        size = int(before.get("size-in-bits"))
        if size >= int(struct.get("size-in-bits")):
            continue
        struct.set("size-in-bits", str(size))
        for member in struct.findall("data-member"):
            if int(member.get("layout-offset-in-bits")) >= size:
                struct.remove(member)
dump.write(sys.argv[1])
