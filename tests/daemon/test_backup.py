# SPDX-License-Identifier: BSD-3-Clause
"""When the backup of the permanent state stands in for it, and when that would go back in time: a
state that does not open with the key that is given may be a good one under another key."""

import os
import tempfile

from daemon import Daemon
from state_keys import StateKeys
from store import Store, only_for
from swtpm_state import make_state, stored, swtpm_state
from tpm_test import TpmTest

PERMANENT, BACKUP = "tpm2-00.permall", "tpm2-00.permall.bak"
STORES = ("dir://{}/dir", "file://{}/file", "lmdb://{}/lmdb?tpm=first")


@only_for("dir", reason="it brings its own stores")
class BackupAndKey(TpmTest):
    @classmethod
    def setUpClass(cls):
        """`values` holds one permanent state under each kind of key, and under a wrong one."""
        super().setUpClass()
        directory = cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="swtpm-cuse-test."))
        cls.keys = StateKeys(directory)
        plain = os.path.join(directory, "plain")
        with Daemon(storage_uri=f"dir://{plain}", options=["--flags", "startup-clear"]):
            pass
        cls.values = {"none": stored(plain)[PERMANENT]}
        for kind, wrong in (("raw128", False), ("raw128", True), ("raw256", False), ("gcm", False),
                            ("gcm", True), ("pbkdf2", False), ("strong", False)):
            name = f"wrong {kind}" if wrong else kind
            state = make_state(os.path.join(directory, name), {PERMANENT: cls.values["none"]})
            swtpm_state("rekey", state, "--new-key", cls.keys.argument(kind, wrong))
            cls.values[name] = stored(state)[PERMANENT]

    def start_on(self, uri, state, backup, key):
        """(daemon, values): to be started with `key` where `state` and `backup` are stored."""
        values = {PERMANENT: state, BACKUP: self.values[backup]}
        with Store(uri) as store:
            for name, value in values.items():
                store.put(name, value)
        daemon = Daemon(storage_uri=uri, storage_options=",backup",
                        options=[*self.keys.options(key), "--flags", "startup-clear"])
        self.addCleanup(daemon.discard)
        return daemon, values

    def assert_stored(self, uri, values):
        with Store(uri, read_only=True) as store:
            self.assertEqual({name: store.get(name) for name in values}, values)

    def test_a_key_that_does_not_open_the_state_is_no_reason_for_the_backup(self):
        directory = self.directory()
        for state, backup, key, why in (
                ("raw128", "none", "none", "give option --key"),
                ("none", "raw128", "raw128", "leave out option --key"),
                ("wrong raw128", "raw128", "raw128", "the key of option --key is wrong, or"),
                ("wrong gcm", "gcm", "gcm", "the key of option --key is wrong, or"),
                ("raw128", "raw256", "raw256", "give the right mode="),
                ("gcm", "raw256", "raw256", "mode=aes-256-gcm"),
                ("strong", "pbkdf2", "pbkdf2", "kdf=pbkdf2-strong")):
            for uri in (store.format(directory) for store in STORES):
                with self.subTest(state=state, backup=backup, key=key, store=uri):
                    daemon, values = self.start_on(uri, self.values[state], backup, key)
                    self.assertRaisesRegex(AssertionError, "no device", daemon.start)
                    self.assertEqual(daemon.wait(), 1)
                    self.assertIn(f"'{PERMANENT}'", daemon.report)
                    self.assertIn(why, daemon.report)
                    self.assertIn(f"the backup '{BACKUP}' was not used", daemon.report)
                    self.assert_stored(uri, values)

    def test_a_damaged_state_is_taken_from_its_backup_under_any_key(self):
        directory = self.directory()
        for key in ("none", "raw128", "gcm", "strong"):
            for uri in (store.format(directory) for store in STORES):
                with self.subTest(key=key, store=uri):
                    damaged = self.values[key][:-1]
                    daemon, _ = self.start_on(uri, damaged, key, key)
                    daemon.start()
                    self.assertIn(f"using the backup '{BACKUP}'", daemon.log)
                    daemon.close()

    def test_a_state_that_libtpms_refuses_is_no_reason_for_the_backup(self):
        """It may have been written by a newer libtpms."""
        directory = self.directory()
        refused = self.values["none"][:100] + bytes(300) + self.values["none"][400:]
        for uri in (store.format(directory) for store in STORES):
            with self.subTest(store=uri):
                daemon, values = self.start_on(uri, refused, "none", "none")
                self.assertRaisesRegex(AssertionError, "no device", daemon.start)
                self.assertIn("libtpms refuses to start", daemon.report)
                self.assert_stored(uri, values)
