# SPDX-License-Identifier: MIT
"""The C library: where it is found, and its functions as declared."""

import ctypes
import os
import re

from . import _declarations

_BASIC = {
    "char": ctypes.c_char,
    "int": ctypes.c_int,
    "size_t": ctypes.c_size_t,
    "uintptr_t": ctypes.c_size_t,
    "uint64_t": ctypes.c_uint64,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "int32_t": ctypes.c_int32,
    "zcn_status": ctypes.c_int32,
}
RELEASE_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
MEASURE_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)
_FUNCTIONS = {"zcn_release_function": RELEASE_FUNCTION, "zcn_measure_function": MEASURE_FUNCTION}


def kind_of(text):
    """A declarator without its name: pointers are addresses, but for texts."""
    if "*" in text:
        return ctypes.c_char_p if text.replace(" ", "") == "constchar*" else ctypes.c_void_p
    word = text.replace("const", "").strip()
    return _FUNCTIONS.get(word) or _BASIC.get(word) or structs[word]


def split(declarator):
    """`const char *text` becomes ('const char *', 'text')."""
    found = re.fullmatch(r"\s*(.*?[\s*])(\w+)(?:\[(\d+)\])?\s*", declarator)
    return found[1].strip(), found[2], found[3]


def _structure(name):
    fields = []
    for declarator in filter(str.strip, _declarations.STRUCTS[name].split(";")):
        kind, field, count = split(declarator)
        fields.append((field, kind_of(kind) * int(count) if count else kind_of(kind)))
    return type(name, (ctypes.Structure,), {"_fields_": fields})


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


structs = {}  # in their order: some have others inside
for _name in _declarations.STRUCTS:
    structs[_name] = _structure(_name)


def prototypes():
    """Name, kind of the result and kinds of the arguments of each function."""
    for line in filter(str.strip, _declarations.FUNCTIONS.splitlines()):
        head, arguments = re.fullmatch(r"(.*?)\((.*)\);", line).groups()
        result, name, _ = split(head)
        kinds = [] if arguments == "void" else [kind_of(split(argument)[0]) for argument in arguments.split(",")]
        yield name, None if result == "void" else kind_of(result), kinds


def _load():
    name = os.environ.get("ZCNET_LIBRARY", "libzcnet.so.0")
    try:
        # Calls keep the interpreter's lock: none of them waits, and so no two ever overlap.
        return ctypes.PyDLL(name)
    except OSError as error:
        raise ImportError(f"libzcnet is not installed, or not where it is looked for ({error}); "
                          "ZCNET_LIBRARY may name the file") from None


_library = _load()
for _name, _result, _arguments in prototypes():
    _function = getattr(_library, _name)
    _function.restype, _function.argtypes = _result, _arguments
    globals()[_name] = _function


def sized(name):
    """A structure that says its own size."""
    value = structs[name]()
    value.struct_size = ctypes.sizeof(value)
    return value


def options(kind, wanted):
    """An options structure with the defaults, and what a caller wants otherwise."""
    name = f"zcn_{kind}_options"
    value = structs[name]()
    globals()[f"{name}_init"](ctypes.byref(value), ctypes.sizeof(value))
    known = {field for field, _ in value._fields_} - {"struct_size", "reserved", "user"}
    for field, choice in wanted.items():
        if field not in known:
            raise TypeError(f"there is no option '{field}' of a {kind}: {', '.join(sorted(known))}")
        setattr(value, field, getattr(choice, "_handle", choice))
    return value


def counters(function, handle, name):
    """A structure of counters as a dictionary."""
    from .errors import check

    value = sized(name)
    check(function(handle, ctypes.byref(value)))
    return _by_name(value)


def _by_name(value):
    if not isinstance(value, ctypes.Structure):
        return value
    return {field: _by_name(getattr(value, field)) for field, _ in value._fields_ if field != "struct_size"}


def text_of(function, handle, capacity=128):
    """What a function writes into a buffer of so many bytes."""
    from .errors import check

    buffer = ctypes.create_string_buffer(capacity)
    check(function(handle, buffer, len(buffer)))
    return buffer.value.decode()
