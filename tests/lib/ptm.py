# SPDX-License-Identifier: BSD-3-Clause
"""The control interface of the TPM device: ioctl numbers and structures (core/include/swtpm_ptm.h).

The structures are written down here a second time on purpose: a test that took them from the header
would not notice when the header changes and existing clients break.
"""

import struct

_WRITE, _READ = 1, 2
_READ_WRITE = _WRITE | _READ

HASH_DATA_MAX = 4096
BLOB_PART_MAX = 3072
INFO_PART_MAX = 3072
BLOB_MAX = 512 * 1024


def ioctl_number(direction, number, size, magic="P"):
    return direction << 30 | size << 16 | ord(magic) << 8 | number


# name: (direction, number, bytes)
CALLS = {
    "GET_CAPABILITY": (_READ, 0, 8),
    "INIT": (_READ_WRITE, 1, 4),
    "SHUTDOWN": (_READ, 2, 4),
    "GET_TPMESTABLISHED": (_READ, 3, 8),
    "SET_LOCALITY": (_READ_WRITE, 4, 4),
    "HASH_START": (_READ, 5, 4),
    "HASH_DATA": (_READ_WRITE, 6, 4 + HASH_DATA_MAX),
    "HASH_END": (_READ, 7, 4),
    "CANCEL_TPM_CMD": (_READ, 8, 4),
    "STORE_VOLATILE": (_READ, 9, 4),
    "RESET_TPMESTABLISHED": (_READ_WRITE, 10, 4),
    "GET_STATEBLOB": (_READ_WRITE, 11, 16 + BLOB_PART_MAX),
    "SET_STATEBLOB": (_READ_WRITE, 12, 12 + BLOB_PART_MAX),
    "STOP": (_READ, 13, 4),
    "GET_CONFIG": (_READ, 14, 8),
    "SET_DATAFD": (_READ, 15, 4),
    "SET_BUFFERSIZE": (_READ_WRITE, 16, 16),
    "GET_INFO": (_READ_WRITE, 17, 12 + INFO_PART_MAX + 4),
    "LOCK_STORAGE": (_READ_WRITE, 18, 4),
}

NUMBER = {name: ioctl_number(*call) for name, call in CALLS.items()}

PERMANENT, VOLATILE, SAVESTATE = 1, 2, 3
DECRYPTED, ENCRYPTED = 1, 2  # the state in a blob: wanted plain; encrypted with the state key
INIT_DELETE_VOLATILE = 1

# TPM results that control calls answer with.
SUCCESS = 0
TPM_BAD_PARAMETER = 3
TPM_FAIL = 9
TPM_BAD_ORDINAL = 0xA
TPM_KEYNOTFOUND = 0xD
TPM_SIZE = 0x17
TPM_BAD_LOCALITY = 0x3D


class ControlError(Exception):
    """A control call answered with a TPM result other than success."""

    def __init__(self, name, result):
        super().__init__(f"{name}: TPM result {result:#x}")
        self.result = result


def request(name, *arguments):
    """The request part of a call, as bytes."""
    if name in ("INIT", "SET_BUFFERSIZE", "LOCK_STORAGE"):
        return struct.pack("=I", *arguments)
    if name in ("SET_LOCALITY", "RESET_TPMESTABLISHED"):
        return struct.pack("=B", *arguments)
    if name == "HASH_DATA":
        data, length = (*arguments, None)[:2]
        return struct.pack("=I", len(data) if length is None else length) + data
    if name == "GET_STATEBLOB":
        return struct.pack("=III", *arguments)
    if name == "SET_STATEBLOB":
        flags, kind, data = arguments[:3]
        length = arguments[3] if len(arguments) > 3 else len(data)
        return struct.pack("=III", flags, kind, length) + data
    if name == "GET_INFO":
        return struct.pack("=QII", *arguments, 0)
    assert not arguments, name
    return b""


class Control:
    """The control calls on one open of the device.  A call whose only answer is a TPM result
    returns it; one that has more to say raises ControlError unless the result is success."""

    def __init__(self, file):
        self.file = file

    def call(self, name, *arguments):
        """The whole response, as bytes."""
        return self.file.ioctl(NUMBER[name], request(name, *arguments))

    def submit(self, name, *arguments):
        return self.file.submit_ioctl(NUMBER[name], request(name, *arguments))

    def result(self, name, *arguments):
        """The TPM result of a call that has one."""
        return result_of(self.call(name, *arguments))

    def must(self, name, *arguments):
        """The response of a call that has to succeed."""
        response = self.call(name, *arguments)
        if result_of(response) != SUCCESS:
            raise ControlError(name, result_of(response))
        return response

    def get_capability(self):
        return struct.unpack("=Q", self.call("GET_CAPABILITY"))[0]

    def init(self, flags=0):
        return self.result("INIT", flags)

    def shutdown(self):
        return self.result("SHUTDOWN")

    def stop(self):
        return self.result("STOP")

    def get_established(self):
        return self.must("GET_TPMESTABLISHED")[4]

    def reset_established(self, locality):
        return self.result("RESET_TPMESTABLISHED", locality)

    def set_locality(self, locality):
        return self.result("SET_LOCALITY", locality)

    def hash_start(self):
        return self.result("HASH_START")

    def hash_data(self, data):
        return self.result("HASH_DATA", data)

    def hash_end(self):
        return self.result("HASH_END")

    def cancel(self):
        return self.result("CANCEL_TPM_CMD")

    def store_volatile(self):
        return self.result("STORE_VOLATILE")

    def get_config(self):
        return struct.unpack_from("=I", self.must("GET_CONFIG"), 4)[0]

    def lock_storage(self, retries=0):
        return self.result("LOCK_STORAGE", retries)

    def buffer_size(self, size=0):
        """(result, size, minimum, maximum)"""
        return struct.unpack("=IIII", self.call("SET_BUFFERSIZE", size))

    def info_part(self, flags, offset=0):
        """(total length, bytes)"""
        response = self.must("GET_INFO", flags, offset)
        _, total, length = struct.unpack_from("=III", response)
        return total, response[12:12 + length]

    def info(self, flags):
        """The whole text, in as many calls as it takes; without the final zero byte."""
        total, text = self.info_part(flags)
        while len(text) < total:
            text += self.info_part(flags, len(text))[1]
        return text.rstrip(b"\0").decode()

    def blob_part(self, kind, flags=0, offset=0):
        """(state flags, total length, bytes)"""
        response = self.must("GET_STATEBLOB", flags, kind, offset)
        _, state_flags, total, length = struct.unpack_from("=IIII", response)
        return state_flags, total, response[16:16 + length]

    def get_blob(self, kind, flags=0):
        """(state flags, the whole blob), by ioctl alone."""
        state_flags, total, blob = self.blob_part(kind, flags)
        while len(blob) < total:
            blob += self.blob_part(kind, flags, len(blob))[2]
        return state_flags, blob

    def set_blob_part(self, kind, flags, data):
        return self.result("SET_STATEBLOB", flags, kind, data)

    def set_blob(self, kind, flags, blob):
        """Hands a blob over by ioctl alone; returns the result of the first call that fails, or of
        the last one."""
        for start in range(0, len(blob) + 1, BLOB_PART_MAX):
            result = self.set_blob_part(kind, flags, blob[start:start + BLOB_PART_MAX])
            if result != SUCCESS:
                break
        return result


def result_of(response):
    return struct.unpack_from("=I", response)[0]
