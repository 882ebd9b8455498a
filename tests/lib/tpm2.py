# SPDX-License-Identifier: BSD-3-Clause
"""The TPM 2 commands that tests need, as bytes, and a client that runs them (TPM 2.0 part 3)."""

import struct

from tpm_client import TpmClient, TpmError, response_code

NO_SESSIONS, SESSIONS = 0x8001, 0x8002
SU_CLEAR, SU_STATE = 0, 1

RC_SUCCESS = 0
RC_INITIALIZE = 0x100
RC_FAILURE = 0x101
RC_COMMAND_CODE = 0x143
RC_CANCELED = 0x909
RC_RETRY = 0x922

RH_OWNER, RH_NULL, RH_ENDORSEMENT, RH_PLATFORM = 0x40000001, 0x40000007, 0x4000000B, 0x4000000C
RS_PW = 0x40000009
ALG_RSA, ALG_SHA1, ALG_SHA256, ALG_NULL, ALG_ECC = 0x01, 0x04, 0x0B, 0x10, 0x23
CURVE_P256 = 3

CAP_TPM_PROPERTIES = 6
PT_LOCKOUT_COUNTER = 0x20E

NV_AUTHWRITE, NV_AUTHREAD, NV_NO_DA = 1 << 2, 1 << 18, 1 << 25
NV_COUNTER = 1 << 4

# fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth
_OWN_KEY = 0x72
_NO_DA = 0x400
_STORAGE = _OWN_KEY | 0x30000  # restricted, decrypt
_SIGNING = _OWN_KEY | 0x40000

FAILURE_RESPONSE = struct.pack(">HII", NO_SESSIONS, 10, RC_FAILURE)


def sized(data):
    """A TPM2B."""
    return struct.pack(">H", len(data)) + data


def command(code, body=b""):
    return struct.pack(">HII", NO_SESSIONS, 10 + len(body), code) + body


def authorised(code, handles, parameters, passwords=(b"",)):
    """A command with one password session for each of its first handles."""
    sessions = b"".join(struct.pack(">IHB", RS_PW, 0, 0) + sized(password)
                        for password in passwords)
    body = b"".join(struct.pack(">I", handle) for handle in handles)
    body += struct.pack(">I", len(sessions)) + sessions + parameters
    return struct.pack(">HII", SESSIONS, 10 + len(body), code) + body


def startup(kind=SU_CLEAR):
    return command(0x144, struct.pack(">H", kind))


def shutdown(kind=SU_CLEAR):
    return command(0x145, struct.pack(">H", kind))


def self_test(full=True):
    return command(0x143, bytes([full]))


def get_random(count):
    return command(0x17B, struct.pack(">H", count))


def get_capability(capability, first, count=1):
    return command(0x17A, struct.pack(">III", capability, first, count))


def clear_control(disable, hierarchy=RH_PLATFORM):
    return authorised(0x127, [hierarchy], bytes([disable]))


def pcr_read(index, algorithm=ALG_SHA256):
    bits = bytearray(3)
    bits[index // 8] = 1 << index % 8
    return command(0x17E, struct.pack(">IHB", 1, algorithm, 3) + bits)


def pcr_extend(index, digest, algorithm=ALG_SHA256):
    return authorised(0x182, [index], struct.pack(">IH", 1, algorithm) + digest)


def hash_data(data, algorithm=ALG_SHA256, hierarchy=RH_NULL):
    return command(0x17D, sized(data) + struct.pack(">HI", algorithm, hierarchy))


def flush_context(handle):
    return command(0x165, struct.pack(">I", handle))


def read_public(handle):
    return command(0x173, struct.pack(">I", handle))


def rsa_storage_template(bits=2048, unique=b"", attributes=_STORAGE | _NO_DA):
    return (struct.pack(">HHI", ALG_RSA, ALG_SHA256, attributes) + sized(b"") +
            struct.pack(">HHHHHI", 6, 128, 0x43, ALG_NULL, bits, 0) + sized(unique))


def ecc_storage_template(attributes=_STORAGE | _NO_DA):
    return (struct.pack(">HHI", ALG_ECC, ALG_SHA256, attributes) + sized(b"") +
            struct.pack(">HHHHHH", 6, 128, 0x43, ALG_NULL, CURVE_P256, ALG_NULL) +
            sized(b"") + sized(b""))


# Its password is guarded against guessing: a use of it must be followed by an orderly shutdown.
GUARDED_ECC_STORAGE = ecc_storage_template(_STORAGE)


def ek_template():
    """Template L-1 of the TCG's EK Credential Profile: RSA 2048, policy PolicySecret(endorsement)."""
    policy = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
    admin_with_policy_restricted_decrypt = 0x300B2
    return (struct.pack(">HHI", ALG_RSA, ALG_SHA256, admin_with_policy_restricted_decrypt) +
            sized(policy) + struct.pack(">HHHHHI", 6, 128, 0x43, ALG_NULL, 2048, 0) +
            sized(bytes(256)))


def ecc_signing_template():
    return (struct.pack(">HHI", ALG_ECC, ALG_SHA256, _SIGNING | _NO_DA) + sized(b"") +
            struct.pack(">HHHHH", ALG_NULL, 0x18, ALG_SHA256, CURVE_P256, ALG_NULL) +
            sized(b"") + sized(b""))


def _creation(template, password):
    return (sized(sized(password) + sized(b"")) + sized(template) + sized(b"") +
            struct.pack(">I", 0))


def create_primary(template, hierarchy=RH_OWNER, password=b""):
    return authorised(0x131, [hierarchy], _creation(template, password))


def create(parent, template, password=b"", parent_password=b""):
    return authorised(0x153, [parent], _creation(template, password), [parent_password])


def nv_read_public(index):
    return command(0x169, struct.pack(">I", index))


def load(parent, private, public):
    return authorised(0x157, [parent], sized(private) + sized(public))


def evict_control(handle, persistent, hierarchy=RH_OWNER):
    return authorised(0x120, [hierarchy, handle], struct.pack(">I", persistent))


def nv_define(index, size, attributes=NV_AUTHREAD | NV_AUTHWRITE | NV_NO_DA, password=b""):
    public = struct.pack(">IHI", index, ALG_SHA256, attributes) + sized(b"")
    public += struct.pack(">H", size)
    return authorised(0x12A, [RH_OWNER], sized(password) + sized(public))


def nv_write(index, data, offset=0, password=b""):
    return authorised(0x137, [index, index], sized(data) + struct.pack(">H", offset), [password])


def nv_read(index, size, offset=0, password=b""):
    return authorised(0x14E, [index, index], struct.pack(">HH", size, offset), [password])


def nv_increment(index):
    return authorised(0x134, [index, index], b"")


def slow_command(unique=b"", bits=3072):
    """Takes seconds: two large primes must be found, and `unique` makes them other ones."""
    return create_primary(rsa_storage_template(bits, unique), RH_NULL)


class Tpm2(TpmClient):
    """TPM 2 commands on one open of the device, each one checked for success."""

    def run(self, data):
        """What follows the header of a successful response; a parameter size is dropped."""
        response = self.transmit(data)
        # The first use of a guarded password has to be noted in NV before it may be tried.
        if response_code(response) == RC_RETRY:
            response = self.transmit(data)
        if response_code(response) != RC_SUCCESS:
            raise TpmError(response_code(response))
        return response[10:]

    def startup(self, kind=SU_CLEAR):
        self.run(startup(kind))

    def get_random(self, count):
        return self.run(get_random(count))[2:]

    def property(self, tag):
        """The value of a TPM_PT."""
        response = self.run(get_capability(CAP_TPM_PROPERTIES, tag))
        found, value = struct.unpack_from(">II", response, 9)
        assert found == tag, (found, tag)
        return value

    def pcr_read(self, index, algorithm=ALG_SHA256):
        response = self.run(pcr_read(index, algorithm))
        # update counter, one selection of three bytes, one digest
        count, size = struct.unpack_from(">IH", response, 14)
        assert count == 1, count
        return response[20:20 + size]

    def create_primary(self, template, hierarchy=RH_OWNER):
        """The handle."""
        return struct.unpack_from(">I", self.run(create_primary(template, hierarchy)))[0]

    def create(self, parent, template):
        """(private, public)"""
        response = self.run(create(parent, template))[4:]
        size = struct.unpack_from(">H", response)[0]
        private, rest = response[2:2 + size], response[2 + size:]
        size = struct.unpack_from(">H", rest)[0]
        return private, rest[2:2 + size]

    def load(self, parent, private, public):
        return struct.unpack_from(">I", self.run(load(parent, private, public)))[0]

    def nv_read(self, index, size):
        return self.run(nv_read(index, size))[6:6 + size]
