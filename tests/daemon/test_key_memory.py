# SPDX-License-Identifier: BSD-3-Clause
"""Where the memory of a daemon that has a key has that key: locked, kept out of core dumps, and
nowhere else."""

import os

import tpm2
from memory import places_of, sanitizer_keeps_memory
from tpm_test import TpmTest

NV_INDEX = 0x01500001
KEY = bytes(range(100, 132))
PASSPHRASE = b"correct horse battery staple"


is_for = sanitizer_keeps_memory


class KeyMemory(TpmTest):
    def run_with(self, contents, options, source="file"):
        path = os.path.join(self.directory(), "key")
        with open(path, "wb") as file:
            file.write(contents)
        daemon, _, client = self.start_running(options=["--key", f"{source}={path},{options}"])
        client.run(tpm2.nv_define(NV_INDEX, 32))
        client.run(tpm2.nv_write(NV_INDEX, bytes(range(32))))
        return daemon

    def assert_only_locked(self, daemon, secret):
        places = places_of(daemon.pid, secret)
        self.assertEqual(len(places), 1)
        self.assertIn("lo", places[0])
        self.assertIn("dd", places[0])

    def test_a_key_stands_in_locked_memory_alone(self):
        for mode in ("aes-256-cbc", "aes-256-gcm"):
            with self.subTest(mode):
                daemon = self.run_with(KEY, f"mode={mode},format=binary")
                self.assert_only_locked(daemon, KEY)

    def test_of_hexadecimal_digits_nothing_stays(self):
        daemon = self.run_with(KEY.hex().encode(), "mode=aes-256-cbc,format=hex")
        self.assertEqual(places_of(daemon.pid, KEY.hex().encode()[8:40]), [])
        self.assert_only_locked(daemon, KEY)

    def test_of_a_passphrase_nothing_stays_but_where_keys_are_derived_from_it_again(self):
        daemon = self.run_with(PASSPHRASE, "mode=aes-256-cbc,kdf=pbkdf2", source="pwdfile")
        self.assertEqual(places_of(daemon.pid, PASSPHRASE), [])
        daemon = self.run_with(PASSPHRASE, "mode=aes-256-gcm,kdf=pbkdf2-strong", source="pwdfile")
        self.assert_only_locked(daemon, PASSPHRASE)
