# SPDX-License-Identifier: BSD-3-Clause
"""The TPM 1.2 commands that tests need, as bytes, and a client (TPM Main 1.2 part 3)."""

import struct

from tpm_client import TpmClient, TpmError, response_code

TAG_COMMAND, TAG_RESPONSE = 0x00C1, 0x00C4
ST_CLEAR, ST_STATE = 1, 2

SUCCESS = 0
TPM_DEACTIVATED = 6
TPM_FAIL = 9
TPM_BAD_ORDINAL = 0xA
TPM_FAILEDSELFTEST = 0x1C
TPM_INVALID_POSTINIT = 0x26

PP_CMD_ENABLE, PP_PRESENT = 0x20, 0x08
NV_PPWRITE = 1

FAILURE_RESPONSE = struct.pack(">HII", TAG_RESPONSE, 10, TPM_FAIL)


def command(ordinal, body=b""):
    return struct.pack(">HII", TAG_COMMAND, 10 + len(body), ordinal) + body


def startup(kind=ST_CLEAR):
    return command(0x99, struct.pack(">H", kind))


def save_state():
    return command(0x98)


def self_test_full():
    return command(0x50)


def get_random(count):
    return command(0x46, struct.pack(">I", count))


def pcr_read(index):
    return command(0x15, struct.pack(">I", index))


def extend(index, digest):
    return command(0x14, struct.pack(">I", index) + digest)


def physical_presence(value):
    return command(0x4000000A, struct.pack(">H", value))


def physical_enable():
    return command(0x6F)


def physical_set_deactivated(deactivated):
    return command(0x72, bytes([deactivated]))


def nv_define(index, size, attributes=NV_PPWRITE):
    # No PCR restricts reading or writing; any locality.
    no_pcrs = struct.pack(">H3sB20s", 3, b"", 0x1F, b"")
    public = struct.pack(">HI", 0x18, index) + no_pcrs * 2
    public += struct.pack(">HI3xI", 0x17, attributes, size)
    return command(0xCC, public + bytes(20))


def nv_write(index, data, offset=0):
    return command(0xCD, struct.pack(">III", index, offset, len(data)) + data)


def nv_read(index, size, offset=0):
    return command(0xCF, struct.pack(">III", index, offset, size))


def create_endorsement_key_pair(bits=2048):
    """Takes long: two large primes must be found."""
    parameters = struct.pack(">III", bits, 2, 0)
    key = struct.pack(">IHHI", 1, 3, 1, len(parameters)) + parameters
    return command(0x78, bytes(20) + key)


def read_pubek():
    """The public endorsement key, while nobody owns the TPM; the nonce is all zero."""
    return command(0x7C, bytes(20))


class Tpm12(TpmClient):
    """TPM 1.2 commands on one open of the device, each one checked for success."""

    def run(self, data):
        """What follows the header of a successful response."""
        response = self.transmit(data)
        if response_code(response) != SUCCESS:
            raise TpmError(response_code(response))
        return response[10:]

    def startup(self, kind=ST_CLEAR):
        self.run(startup(kind))

    def get_random(self, count):
        return self.run(get_random(count))[4:]

    def pcr_read(self, index):
        return self.run(pcr_read(index))

    def enable(self):
        """By physical presence, as firmware does.  Takes effect at the next startup."""
        self.run(physical_presence(PP_CMD_ENABLE))
        self.run(physical_presence(PP_PRESENT))
        self.run(physical_enable())
        self.run(physical_set_deactivated(False))

    def nv_read(self, index, size):
        return self.run(nv_read(index, size))[4:]
