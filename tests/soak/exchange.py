# SPDX-License-Identifier: BSD-3-Clause
"""One command, and what its response has to be."""

import struct


class WrongAnswer(AssertionError):
    """A response is missing, doubled, of another command, or not what the TPM's past says."""


class Exchange:
    """`take(body)` looks at what follows the header of a response and notes what the command has
    changed; `codes` are the response codes that are right, and `body` is None for one other than
    success."""

    def __init__(self, name, command, take=None, codes=(0,), has_effect=False, is_slow=False):
        self.name = name
        self.command = command
        self.codes = codes
        self.has_effect = has_effect
        self.is_slow = is_slow
        self._take = take

    def answered(self, response):
        if len(response) < 10:
            raise WrongAnswer(f"{self.name}: a response of {len(response)} bytes")
        size, code = struct.unpack_from(">II", response, 2)
        if size != len(response):
            raise WrongAnswer(f"{self.name}: {len(response)} bytes, {size} by the header")
        if code not in self.codes:
            raise WrongAnswer(f"{self.name}: response code {code:#x}")
        if self._take is not None:
            self._take(response[10:] if code == 0 else None)


def expect(name, found, expected):
    if found != expected:
        raise WrongAnswer(f"{name}: {found.hex()}, not {expected.hex()}")
