# SPDX-License-Identifier: BSD-3-Clause
"""The device node as a program sees it: open, read, write, ioctl."""

import fcntl
import os
import struct

# Control calls by number, direction and size (include/swtpm_ptm.h).
_READ = 2 << 30
_MAGIC = ord("P") << 8

TPM2_STARTUP_CLEAR = bytes.fromhex("80010000000c000001440000")
TPM2_GET_RANDOM_8 = bytes.fromhex("80010000000c0000017b0008")
TPM_RC_CANCELED = 0x909


def tpm2_create_primary_rsa(unique=b"", bits=2048):
    """Creates an RSA storage key in the null hierarchy, which takes long: two primes must be found.
    `unique` goes into the template, so that each caller makes a key of its own."""
    template = (bytes.fromhex("0001000b0003007200000006008000430010") +
                struct.pack(">HIH", bits, 0, len(unique)) + unique)
    body = (struct.pack(">I", 0x40000007) +                      # TPM_RH_NULL
            struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0) +      # TPM_RS_PW, empty password
            struct.pack(">HHH", 4, 0, 0) +                       # no user password, no data
            struct.pack(">H", len(template)) + template +
            struct.pack(">HI", 0, 0))                            # no outside info, no PCRs
    return struct.pack(">HII", 0x8002, 10 + len(body), 0x131) + body


def tpm2_flush_context(created):
    """The command that makes room again for the object whose creation was answered so."""
    return struct.pack(">HII", 0x8001, 14, 0x165) + created[10:14]


def response_code(response):
    return struct.unpack(">I", response[6:10])[0]


class TpmClient:
    """One open of the device."""

    def __init__(self, path, flags=0):
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self.fd)

    def send(self, command):
        os.write(self.fd, command)

    def receive(self, size=4096):
        return os.read(self.fd, size)

    def transmit(self, command):
        self.send(command)
        return self.receive()

    def capabilities(self):
        answer = bytearray(8)
        fcntl.ioctl(self.fd, _READ | 8 << 16 | _MAGIC | 0, answer)
        return struct.unpack("=Q", answer)[0]

    def cancel(self):
        """The TPM result of CANCEL_TPM_CMD."""
        answer = bytearray(4)
        fcntl.ioctl(self.fd, _READ | 4 << 16 | _MAGIC | 8, answer)
        return struct.unpack("=I", answer)[0]
