# SPDX-License-Identifier: BSD-3-Clause
"""A TPM 1.2 of which everything is known, so that each of its answers can be judged."""

import hashlib
import struct

import tpm12
from exchange import Exchange, WrongAnswer, expect

DATA = 0x00011110
DATA_SIZE = 64
PCR, HASH_PCR = 10, 17
READ_PUBLIC_KEY, FORCE_CLEAR = 0x7C, 0x5D
SHA1_START, SHA1_COMPLETE = 0xA0, 0xA2

# Without an owner a TPM 1.2 takes 64 writes of NV data (TPM Main part 3, TPM_NV_WriteValue).
WRITES_WITHOUT_OWNER = 60


class KnownTpm12:
    """Follows the commands that `exchange` gives out."""

    version = 12
    startup = staticmethod(tpm12.startup)
    state, clear = tpm12.ST_STATE, tpm12.ST_CLEAR

    def __init__(self, random):
        self.random = random
        self.data = bytes(DATA_SIZE)
        self.pcr = bytes(20)
        self.identity = None
        self._sequence = 0
        self._writes = 0
        self._next = []  # what has to follow the last command
        self._randoms = set()

    # ------------------------------------------------------------------------ life

    def preparation(self):
        """What a new TPM is given first."""
        yield Exchange("presence", tpm12.physical_presence(tpm12.PP_CMD_ENABLE))
        yield from self._enabling()
        yield Exchange("endorsement key", tpm12.create_endorsement_key_pair(), is_slow=True)
        yield Exchange("define data", tpm12.nv_define(DATA, DATA_SIZE))
        yield Exchange("first data", tpm12.nv_write(DATA, self.data))
        self._writes = 2
        # It is enabled from the next start on.

    def identification(self):
        """What tells this TPM from a new one, and that its persistent state is whole."""
        yield Exchange("identity", tpm12.command(READ_PUBLIC_KEY, bytes(20)), self._take_identity)
        yield self._read_data()
        yield self._read_pcr()

    @property
    def is_amid(self):
        """Whether another command has to follow the last one."""
        return bool(self._next) or self._writes >= WRITES_WITHOUT_OWNER

    def before_stop(self):
        """What has to precede a stop that Startup(STATE) is to follow."""
        yield Exchange("save state", tpm12.save_state())

    def was_reset(self, resumed):
        self._next.clear()
        if not resumed:
            self.pcr = bytes(20)

    def hashed(self, data):
        """HASH_START, HASH_DATA and HASH_END have been called with this."""
        value = hashlib.sha1(bytes(20) + hashlib.sha1(data).digest()).digest()
        return Exchange("read hashed PCR", tpm12.pcr_read(HASH_PCR),
                        lambda body: expect("hashed PCR", body, value))

    # -------------------------------------------------------------------- commands

    def exchange(self):
        """The next command."""
        if not self._next and self._writes >= WRITES_WITHOUT_OWNER:
            self._next.extend(self._clearing())
        if self._next:
            return self._next.pop(0)
        return self.random.choices(self.makers(), (3, 4, 4, 4, 4, 8, 2))[0]()

    def makers(self):
        """Of each kind of command that may come next, whatever was before."""
        return (self._write_data, self._read_data, self._extend, self._read_pcr, self._hash,
                self._get_random, self._refused)

    def long_exchange(self):
        """A TPM 1.2 has none that may be cancelled and repeated."""
        return self._get_random()

    def probe(self):
        """After a long command whose answer nobody got."""
        return self._get_random()

    def _enabling(self):
        yield Exchange("present", tpm12.physical_presence(tpm12.PP_PRESENT))
        yield Exchange("enable", tpm12.physical_enable())
        yield Exchange("activate", tpm12.physical_set_deactivated(False))

    def _clearing(self):
        def take(_):
            self._writes = 0
        yield Exchange("present", tpm12.physical_presence(tpm12.PP_PRESENT))
        yield Exchange("force clear", tpm12.command(FORCE_CLEAR), take, has_effect=True)
        yield from self._enabling()

    def _write_data(self):
        """A sequence number and random bytes."""
        self._sequence += 1
        part = struct.pack(">Q", self._sequence) + self.random.randbytes(DATA_SIZE - 8)

        def take(_):
            self.data = part
            self._writes += 1
        return Exchange("write data", tpm12.nv_write(DATA, part), take, has_effect=True)

    def _read_data(self):
        return Exchange("read data", tpm12.nv_read(DATA, DATA_SIZE), lambda body: expect(
            "data", body[4:], self.data))

    def _extend(self):
        digest = self.random.randbytes(20)

        def take(body):
            self.pcr = hashlib.sha1(self.pcr + digest).digest()
            expect("extended PCR", body, self.pcr)
        return Exchange("extend", tpm12.extend(PCR, digest), take, has_effect=True)

    def _read_pcr(self):
        return Exchange("read PCR", tpm12.pcr_read(PCR), lambda body: expect(
            "PCR", body, self.pcr))

    def _hash(self):
        """Two commands, which other commands may not separate."""
        data = self.random.randbytes(self.random.randint(1, 60))
        self._next.append(Exchange(
            "SHA-1 complete", tpm12.command(SHA1_COMPLETE, struct.pack(">I", len(data)) + data),
            lambda body: expect("hash", body, hashlib.sha1(data).digest()), has_effect=True))
        return Exchange("SHA-1 start", tpm12.command(SHA1_START), has_effect=True)

    def _get_random(self):
        count = self.random.randint(16, 48)

        def take(body):
            if len(body) != 4 + count or body in self._randoms:
                raise WrongAnswer(f"{count} random bytes: {body.hex()}")
            self._randoms = {body}
        return Exchange("random", tpm12.get_random(count), take)

    @staticmethod
    def _refused():
        return Exchange("unknown command", tpm12.command(0x1FFF), codes=(tpm12.TPM_BAD_ORDINAL,))

    def _take_identity(self, body):
        if self.identity is None:
            self.identity = body[:-20]
        expect("identity", body[:-20], self.identity)
