#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes src/declarations.rs from the public headers: run it when they have changed.

The headers are regular enough to be read line by line. Nothing rests on this script being right: the test
tests/header.rs has a C compiler compare every declaration with the headers.
"""
import pathlib
import re
import subprocess

here = pathlib.Path(__file__).resolve().parent
include = here.parents[2] / "include" / "zcnet"
KEYWORDS = {"type", "move", "loop", "ref", "in", "fn", "use", "match"}
BASIC = {
    "void": "c_void", "char": "c_char", "int": "c_int", "size_t": "usize", "uintptr_t": "usize",
    "uint64_t": "u64", "int64_t": "i64", "uint32_t": "u32", "int32_t": "i32", "struct iovec": "iovec",
}


def rust_name(name):
    return f"r#{name}" if name in KEYWORDS else name


def rust_type(text):
    """A C type without its name: `const zcn_msg *const *` becomes `*const *const zcn_msg`."""
    pieces = [piece.split() for piece in text.split("*")]
    base = [word for word in pieces[0] if word != "const"]
    result = BASIC.get(" ".join(base), " ".join(base))
    for i in range(1, len(pieces)):
        result = ("*const " if "const" in pieces[i - 1] else "*mut ") + result
    return result


def declarator(text):
    """`char text[240]` becomes ('text', '[c_char; 240]')."""
    callback = re.fullmatch(r"(.*?)\(\*(\w+)\)\((.*)\)", text.strip(), re.S)
    if callback:
        return callback[2], rust_callback(callback[1], callback[3])
    found = re.fullmatch(r"(.*?)(\w+)(?:\[(\d+)\])?", text.strip(), re.S)
    kind = rust_type(found[1])
    return found[2], f"[{kind}; {found[3]}]" if found[3] else kind


def rust_callback(result, parameters):
    arguments = [declarator(re.sub(r"\s+", " ", word)) for word in parameters.split(",")]
    arrow = "" if result.strip() == "void" else f" -> {rust_type(result)}"
    return f'Option<unsafe extern "C" fn({", ".join(": ".join(pair) for pair in arguments)}){arrow}>'


def sentence(comment):
    """The first paragraph of a header comment, as one line."""
    lines = [re.sub(r"^\s*/?\*+ ?", "", line).rstrip() for line in comment.strip().removesuffix("*/").splitlines()]
    text = " ".join(lines).strip() if len(lines) == 1 else ""
    if not text:
        for line in lines[1:] if not lines[0] else lines:
            if line.startswith("@") or (not line and text):
                break
            text += (" " if text and line else "") + line
    # What documentation tools would take for links or HTML.
    return re.sub(r"([\[\]<>])", r"\\\1", text).replace("*_", r"\*_").strip()


def one_line(note):
    """A comment behind a field or value, which may go on in lines that begin with a star."""
    return re.sub(r"\s*\n\s*(\* )?|\s+", " ", note).strip()


def struct(name, body, comment):
    out = [f"/// {sentence(comment) if comment else 'Filled by its options_init(), and changed from there.'}"]
    if name == "zcn_event":
        out[0] = "/// One of the things that happened, as a poll hands them out."
    out += ["#[repr(C)]", "#[derive(Debug, Clone, Copy)]", f"pub struct {name} {{"]
    body = re.sub(r"^[ \t]*/\*.*?\*/\n", "", body, flags=re.S | re.M)  # those that stand before a field
    for text, note in re.findall(r"^\s*([^;/]+);[ \t]*(?:/\*(.*?)\*/)?", body, re.S | re.M):
        field, kind = declarator(text)
        note = one_line(note) or "See the header."
        out += [f"    /// {sentence(note)}", f"    pub {rust_name(field)}: {kind},"]
    return "\n".join(out + ["}", ""])


def constants(body, kind):
    out = []
    for name, value, note in re.findall(r"^\s*(ZCN_\w+) = (\w+),?[ \t]*(?:/\*(.*?)\*/)?", body, re.S | re.M):
        note = one_line(note) or f"The value of `{name}`."
        out.append(f"/// {sentence(note)}\npub const {name}: {kind} = {value};\n")
    return "".join(out)


def function(name, result, parameters, comment):
    arguments = []
    for text in [] if parameters.strip() == "void" else parameters.split(","):
        argument, kind = declarator(re.sub(r"\s+", " ", text))
        arguments.append(f"{rust_name(argument)}: {kind}")
    result = rust_type(result)
    arrow = "" if result == "c_void" else f" -> {result}"
    return f"    /// {sentence(comment)}\n    pub fn {name}({', '.join(arguments)}){arrow};\n"


def main():
    structs, values, functions, callbacks = [], [], [], []
    base = (include / "base.h").read_text()
    opaque = re.findall(r"typedef struct (\w+) \1;\s*/\* (.*?) \*/", base)
    names = sorted(path for path in include.glob("*.h"))
    for path in names:
        text = path.read_text()
        opaque += [pair for pair in re.findall(r"typedef struct (\w+) \1;\s*/\* (.*?) \*/", text) if pair not in opaque]
        for comment, name, body in re.findall(
            r"(?:(/\*(?:(?!\*/).)*?\*/)\n)?typedef struct (\w+) \{\n(.*?)\n\} \2;", text, re.S
        ):
            structs.append(struct(name, body, comment))
        for name, value, note in re.findall(r"X\((ZCN_\w+), (-?\d+),\s*\"(.*?)\"\)", text):
            values.append(f"/// {note[0].upper() + note[1:]}.\npub const {name}: zcn_status = {value};\n")
        for body in re.findall(r"^enum \{\n(.*?)\n\};", text, re.S | re.M):
            if "ZCN_STATUS_MEMBER" not in body:
                values.append(constants(body, "u32"))
        for name, value in re.findall(r"#define (ZCN_VERSION_(?:MAJOR|MINOR|PATCH)) (\d+)", text):
            values.append(f"/// Part of the version of the headers.\npub const {name}: u32 = {value};\n")
        for comment, result, name, parameters in re.findall(
            r"/\*\*((?:(?!\*/).)*?)\*/\ntypedef ([\w ]+?)\(\*(\w+)\)\((.*?)\);", text, re.S
        ):
            kind = rust_callback(result, parameters)
            callbacks.append(f"/// {sentence('/**' + comment)}\npub type {name} = {kind};\n")
        comment = ""
        for found in re.finditer(r"/\*\*(.*?)\*/|^ZCN_API (?:ZCN_NODISCARD )?([^;(]*?)(\w+)\(([^;]*?)\);", text, re.S | re.M):
            if found[3]:
                functions.append(function(found[3], found[2], found[4], comment))
            else:
                comment = found[0]
    out = [
        "// SPDX-License-Identifier: MIT\n"
        "// Written by declare.py from the headers; proved against them by tests/header.rs.\n"
        "use crate::{c_char, c_int, c_void, iovec};\n\n"
        "/// 0 is success; positive is not an error; negative is one.\npub type zcn_status = i32;\n\n"
    ]
    for name, note in opaque:
        out.append(
            f"/// {note[0].upper() + note[1:]}.\n#[repr(C)]\npub struct {name} {{\n    _opaque: [u8; 0],\n"
            "    _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,\n}\n\n"
        )
    out += ["\n".join(callbacks), "\n", "\n".join(structs), "\n", "".join(values)]
    out += ["\nextern \"C\" {\n", "".join(functions), "}\n"]
    target = here / "src" / "declarations.rs"
    target.write_text("".join(out))
    subprocess.run(["rustfmt", "--edition", "2021", "--config-path", str(here.parent), str(target)], check=True)


if __name__ == "__main__":
    main()
