# SPDX-License-Identifier: MIT
"""The declarations are those of the headers: a C compiler is given both."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import zcnet
from zcnet import _declarations, _library

HEADERS = pathlib.Path(__file__).resolve().parents[3] / "include"


def as_c():
    """All that is declared, as assertions and second declarations."""
    lines = ["#include <stddef.h>", "#include <zcnet/zcnet.h>", _declarations.FUNCTIONS]

    def asserted(condition):
        lines.append(f'_Static_assert({condition}, "{condition}");')

    for prefix, values in (
        ("ZCN_", _declarations.STATUSES),
        ("ZCN_EVENT_", _declarations.EVENTS),
        ("ZCN_FRAMING_", _declarations.FRAMINGS),
        ("ZCN_STATE_", _declarations.STATES),
        ("ZCN_OPTION_", _declarations.OPTIONS),
        ("ZCN_LAG_", _declarations.LAGS),
        ("ZCN_RELAY_", _declarations.RELAY_METHODS),
        ("ZCN_RELAY_", _declarations.DIRECTIONS),
        ("ZCN_TAP_", _declarations.TAPS),
        ("ZCN_FILE_", _declarations.FILE_METHODS),
        ("ZCN_FILE_", _declarations.FILE_FLAGS),
        ("ZCN_FLUSH_", _declarations.FLUSHES),
    ):
        for name, value in values.items():
            asserted(f"{prefix}{name} == {value}")
    for name, structure in _library.structs.items():
        # The library takes shorter structures than it knows; the array of events has one step.
        step = "==" if name == "zcn_event" else ">="
        asserted(f"sizeof({name}) {step} {ctypes.sizeof(structure)}")
        for declarator in filter(str.strip, _declarations.STRUCTS[name].split(";")):
            kind, field, _ = _library.split(declarator)
            place = getattr(structure, field)
            asserted(f"offsetof({name}, {field}) == {place.offset}")
            asserted(f"sizeof((({name} *)0)->{field}) == {place.size}")
            # The type as it is spelt, where it is no array.
            if "[" not in declarator:
                lines.append(f"static inline {kind}*typed_{name}_{field}({name} *s) {{ return &s->{field}; }}")
    for name, result, arguments in _library.prototypes():
        function = getattr(_library, name)
        assert function.restype is result and list(function.argtypes) == arguments
    for kind, c_kind in (("int32_t", "zcn_status"), ("void *", "uintptr_t")):
        asserted(f"sizeof({kind}) == sizeof({c_kind})")
    for kind, size in {"int": ctypes.c_int, "size_t": ctypes.c_size_t}.items():
        asserted(f"sizeof({kind}) == {ctypes.sizeof(size)}")
    asserted(f"sizeof(struct iovec) == {ctypes.sizeof(_library.Iovec)}")
    asserted(f"offsetof(struct iovec, iov_len) == {_library.Iovec.size.offset}")
    return "\n".join(lines) + "\n"


def refused(text):
    """What the compiler says to it; nothing where all is well."""
    compiler = os.environ.get("CC", "cc")
    if shutil.which(compiler.split()[0]) is None:
        raise unittest.SkipTest("no C compiler: apt-get install gcc")
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write(text)
        source.flush()
        command = [*compiler.split(), "-std=c11", "-fsyntax-only", "-Werror", f"-I{HEADERS}", source.name]
        return subprocess.run(command, capture_output=True, text=True).stderr


class Declarations(unittest.TestCase):
    def test_are_those_of_the_headers(self):
        text = as_c()
        self.assertGreater(text.count("_Static_assert"), 200)
        self.assertEqual(refused(text), "")

    def test_what_differs_is_found(self):
        text = as_c()
        for right, wrong in (
            ("zcn_msg_slice(zcn_msg **out, const zcn_msg *msg, uint64_t offset,",
             "zcn_msg_slice(zcn_msg **out, const zcn_msg *msg, uint32_t offset,"),
            ("ZCN_EREFUSED == -45", "ZCN_EREFUSED == -44"),
            ("offsetof(zcn_event, size) == 40", "offsetof(zcn_event, size) == 48"),
            ("static inline const zcn_framing **typed_zcn_conn_options_send_framing",
             "static inline const zcn_pool **typed_zcn_conn_options_send_framing"),
        ):
            self.assertIn(right, text)
            self.assertNotEqual(refused(text.replace(right, wrong)), "", wrong)

    def test_version(self):
        self.assertEqual(zcnet.version()[:2], (0, 1))


if __name__ == "__main__":
    unittest.main()
