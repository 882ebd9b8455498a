# SPDX-License-Identifier: BSD-3-Clause
"""A TPM that `swtpm-state copy` moves from a directory to another kind of store and back is the same
TPM for who uses it through its device: endorsement key, NV and persistent objects."""

import os
import shutil
import tempfile
import unittest

import tpm12
import tpm2
from daemon import Daemon
from programs import ours, run
from ptm import Control
from swtpm_state import PLUGINS

NV_INDEX, PERSISTENT = 0x01500001, 0x81000001


def is_for(variant):
    return None if variant == "release" else "what is compared is what clients see, not memory"


class Tpm2Guest:
    """What a guest keeps in a TPM 2, and sees of it."""

    def __init__(self):
        self.child = None

    def equip(self, file):
        client = tpm2.Tpm2(file)
        client.startup()
        client.run(tpm2.nv_define(NV_INDEX, 12))
        client.run(tpm2.nv_write(NV_INDEX, b"kept forever"))
        key = client.create_primary(tpm2.ecc_storage_template())
        client.run(tpm2.evict_control(key, PERSISTENT))
        self.child = client.create(PERSISTENT, tpm2.ecc_signing_template())
        client.run(tpm2.flush_context(key))

    def view(self, file):
        client = tpm2.Tpm2(file)
        client.startup()
        ek = client.create_primary(tpm2.ek_template(), tpm2.RH_ENDORSEMENT)
        # Only with the private part of the persistent key can its child be loaded.
        client.load(PERSISTENT, *self.child)
        return {"EK": client.run(tpm2.read_public(ek)),
                "NV public": client.run(tpm2.nv_read_public(NV_INDEX)),
                "NV": client.nv_read(NV_INDEX, 12),
                "persistent": client.run(tpm2.read_public(PERSISTENT))}


class Tpm12Guest:
    def equip(self, file):
        client = tpm12.Tpm12(file)
        client.startup()
        client.enable()
        client.run(tpm12.create_endorsement_key_pair())
        client.run(tpm12.nv_define(0x1000, 12))
        client.run(tpm12.nv_write(0x1000, b"kept forever"))

    def view(self, file):
        client = tpm12.Tpm12(file)
        client.startup()
        return {"EK": client.run(tpm12.read_pubek()), "NV": client.nv_read(0x1000, 12)}


class Copies:
    """Mixed into one class for each TPM version and kind of key."""

    guest = Tpm2Guest
    key = ()

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-state-test.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.tpm2 = self.guest is Tpm2Guest
        self.options = []
        if self.key:
            path = os.path.join(self.directory, "key")
            with open(path, "w", encoding="ascii") as file:
                file.write("0123456789abcdef" * 4)
            os.chmod(path, 0o600)
            self.options = ["--key", f"file={path},{self.key}"]

    def at(self, uri, action):
        """What action(file) gives with a TPM that runs on the store `uri`."""
        with Daemon(tpm2=self.tpm2, storage_uri=uri, options=self.options) as daemon:
            with daemon.open() as file:
                self.assertEqual(Control(file).init(), 0, daemon.report)
                return action(file)

    def copy(self, source, target):
        done = run(ours("swtpm-state"), "copy", "--plugin-dir", PLUGINS,
                   *(["--tpm2"] if self.tpm2 else []), *self.options,
                   "--tpmstate", f"backend-uri={source}", "--to", f"backend-uri={target}")
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def check(self, scheme, parameters=""):
        guest = self.guest()
        stores = [f"dir://{self.directory}/first",
                  f"{scheme}://{self.directory}/second{parameters}",
                  f"dir://{self.directory}/third"]
        self.at(stores[0], guest.equip)
        seen = self.at(stores[0], guest.view)
        self.assertEqual(seen["NV"], b"kept forever")
        for source, target in zip(stores, stores[1:]):
            self.copy(source, target)
            self.assertEqual(self.at(target, guest.view), seen, target)

    def test_to_lmdb_and_back(self):
        self.check("lmdb", "?tpm=vm1")

    def test_to_a_file_and_back(self):
        self.check("file")


class Tpm2Plain(Copies, unittest.TestCase):
    pass


class Tpm2Key(Copies, unittest.TestCase):
    key = "mode=aes-256-cbc"


class Tpm2GcmKey(Copies, unittest.TestCase):
    key = "mode=aes-256-gcm"


class Tpm12Plain(Copies, unittest.TestCase):
    guest = Tpm12Guest


class Tpm12Key(Copies, unittest.TestCase):
    guest = Tpm12Guest
    key = "mode=aes-256-cbc"


if __name__ == "__main__":
    unittest.main()
