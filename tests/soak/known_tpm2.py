# SPDX-License-Identifier: BSD-3-Clause
"""A TPM 2 of which everything is known, so that each of its answers can be judged."""

import hashlib
import struct

import tpm2
from exchange import Exchange, WrongAnswer, expect

COUNTER, DATA = 0x01500010, 0x01500011
DATA_SIZE = 256
PCR, HASH_PCR = 10, 17
RH_ENDORSEMENT = 0x4000000B
HASH = 0x17D
RC_NO_SUCH_HANDLE = 0x1CB  # TPM_RC_HANDLE, parameter 1
COUNTER_ATTRIBUTES = (tpm2.NV_AUTHREAD | tpm2.NV_AUTHWRITE | tpm2.NV_NO_DA | tpm2.NV_COUNTER)


class KnownTpm2:
    """Follows the commands that `exchange` gives out."""

    version = 2
    startup = staticmethod(tpm2.startup)
    state, clear = tpm2.SU_STATE, tpm2.SU_CLEAR

    def __init__(self, random):
        self.random = random
        self.counter = 0
        self.data = bytes(DATA_SIZE)
        self.pcr = bytes(32)
        self.identity = None
        self.key = None  # a loaded key that has to be flushed
        self._randoms = set()

    # ------------------------------------------------------------------------ life

    def preparation(self):
        """What a new TPM is given first."""
        yield Exchange("define counter", tpm2.nv_define(COUNTER, 8, COUNTER_ATTRIBUTES))
        yield Exchange("define data", tpm2.nv_define(DATA, DATA_SIZE))
        yield Exchange("first increment", tpm2.nv_increment(COUNTER))
        yield Exchange("first counter", tpm2.nv_read(COUNTER, 8), self._take_first_counter)
        yield Exchange("first data", tpm2.nv_write(DATA, self.data))
        yield from self.identification()

    def identification(self):
        """What tells this TPM from a new one, and that its persistent state is whole."""
        template = tpm2.ecc_storage_template()
        yield Exchange("identity", tpm2.create_primary(template, RH_ENDORSEMENT),
                       self._take_identity, is_slow=True)
        yield self._flush()
        yield self._read_counter()
        yield self._read_data()
        yield self._read_pcr()

    @property
    def is_amid(self):
        """Whether another command has to follow the last one."""
        return self.key is not None

    def before_stop(self):
        """What has to precede a stop that Startup(STATE) is to follow: the daemon does it."""
        return ()

    def was_reset(self, resumed):
        self.key = None
        if not resumed:
            self.pcr = bytes(32)

    def hashed(self, data):
        """HASH_START, HASH_DATA and HASH_END have been called with this."""
        value = hashlib.sha256(bytes(32) + hashlib.sha256(data).digest()).digest()
        return Exchange("read hashed PCR", tpm2.pcr_read(HASH_PCR),
                        lambda body: expect("hashed PCR", body[20:], value))

    # -------------------------------------------------------------------- commands

    def exchange(self):
        """The next command."""
        if self.key is not None:
            return self._flush()
        return self.random.choices(self.makers(), (3, 4, 2, 4, 3, 4, 8, 8, 2, 1))[0]()

    def makers(self):
        """Of each kind of command that may come next, whatever was before."""
        return (self._increment, self._read_counter, self._write_data, self._read_data,
                self._extend, self._read_pcr, self._hash, self._get_random, self._refused,
                self._create_key)

    def long_exchange(self):
        """A command that takes long enough to be cancelled."""
        return Exchange("RSA key", tpm2.slow_command(self.random.randbytes(16)), self._take_key,
                        codes=(tpm2.RC_SUCCESS, tpm2.RC_CANCELED), is_slow=True)

    @staticmethod
    def probe():
        """After a long command whose answer nobody got: drops the key that it may have made."""
        return Exchange("flush a lost key", tpm2.flush_context(0x80000000),
                        codes=(tpm2.RC_SUCCESS, RC_NO_SUCH_HANDLE))

    def _increment(self):
        def take(_):
            self.counter += 1
        return Exchange("increment", tpm2.nv_increment(COUNTER), take, has_effect=True)

    def _read_counter(self):
        return Exchange("read counter", tpm2.nv_read(COUNTER, 8), lambda body: expect(
            "counter", body[6:14], struct.pack(">Q", self.counter)))

    def _write_data(self):
        part = self.random.randbytes(self.random.randint(1, DATA_SIZE))
        offset = self.random.randint(0, DATA_SIZE - len(part))

        def take(_):
            self.data = self.data[:offset] + part + self.data[offset + len(part):]
        return Exchange("write data", tpm2.nv_write(DATA, part, offset), take, has_effect=True)

    def _read_data(self):
        return Exchange("read data", tpm2.nv_read(DATA, DATA_SIZE), lambda body: expect(
            "data", body[6:6 + DATA_SIZE], self.data))

    def _extend(self):
        digest = self.random.randbytes(32)

        def take(_):
            self.pcr = hashlib.sha256(self.pcr + digest).digest()
        return Exchange("extend", tpm2.pcr_extend(PCR, digest), take, has_effect=True)

    def _read_pcr(self):
        return Exchange("read PCR", tpm2.pcr_read(PCR), lambda body: expect(
            "PCR", body[20:], self.pcr))

    def _hash(self):
        data = self.random.randbytes(self.random.randint(1, 1000))
        parameters = tpm2.sized(data) + struct.pack(">HI", tpm2.ALG_SHA256, tpm2.RH_NULL)
        return Exchange("hash", tpm2.command(HASH, parameters), lambda body: expect(
            "hash", body[2:34], hashlib.sha256(data).digest()))

    def _get_random(self):
        count = self.random.randint(16, 48)

        def take(body):
            if len(body) != 2 + count or body in self._randoms:
                raise WrongAnswer(f"{count} random bytes: {body.hex()}")
            self._randoms = {body}
        return Exchange("random", tpm2.get_random(count), take)

    @staticmethod
    def _refused():
        return Exchange("unknown command", tpm2.command(0x1FFF), codes=(tpm2.RC_COMMAND_CODE,))

    def _create_key(self):
        template = tpm2.ecc_storage_template()
        return Exchange("ECC key", tpm2.create_primary(template, tpm2.RH_NULL), self._take_key,
                        codes=(tpm2.RC_SUCCESS, tpm2.RC_CANCELED), is_slow=True)

    def _flush(self):
        def take(_):
            self.key = None
        return Exchange("flush", tpm2.flush_context(self.key), take, has_effect=True)

    def _take_key(self, body):
        if body is not None:
            self.key = struct.unpack_from(">I", body)[0]

    def _take_identity(self, body):
        self._take_key(body)
        size = struct.unpack_from(">H", body, 8)[0]
        public = body[10:10 + size]
        if self.identity is None:
            self.identity = public
        expect("identity", public, self.identity)

    def _take_first_counter(self, body):
        self.counter = struct.unpack_from(">Q", body, 6)[0]
