# SPDX-License-Identifier: BSD-3-Clause
"""What the clients of both kinds of TPM have in common (tpm2.py, tpm12.py)."""

import struct


class TpmError(Exception):
    """The TPM answered with this response code."""

    def __init__(self, code):
        super().__init__(f"TPM response code {code:#x}")
        self.code = code


def response_code(response):
    return struct.unpack_from(">I", response, 6)[0]


class TpmClient:
    """Commands on one open of the device."""

    def __init__(self, file):
        self.file = file

    def transmit(self, data):
        self.file.write(data)
        return self.file.read()

    def code(self, data):
        """The response code of a command."""
        return response_code(self.transmit(data))
