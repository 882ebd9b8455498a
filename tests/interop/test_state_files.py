# SPDX-License-Identifier: BSD-3-Clause
"""Stored state and state blobs go between Debian's `swtpm socket` and swtpm-state, to the byte:
for each kind of key, TPM 1.2 and TPM 2."""

import os
import shutil
import tempfile
import unittest

from state_keys import COMMON, OURS, PRINTED, StateKeys
from swtpm_state import stored, swtpm_state
from tpm_hosts import DebianHost, HostError

BITS = {"none": None, "raw128": 128, "raw256": 256, "pbkdf2": 128, "sha512": 256}

ALL_PAIRS = [(first, second) for first in COMMON for second in COMMON]


def original_knows(state, migration):
    """With a state key and a migration key of two lengths swtpm 0.7.1 answers 0x20 to
    GET_STATEBLOB."""
    return {BITS[state], BITS[migration]} != {128, 256}


PREFIX = {True: "tpm2-00.", False: "tpm-00."}


def is_for(variant):
    return f"nothing here has threads ({variant})" if variant == "tsan" else None


class StateTest:
    """Mixed into one class for each TPM version."""

    tpm2 = True
    # Pairs of kinds of keys: old and new, of the state and of the blob.
    pairs = ALL_PAIRS

    @classmethod
    def setUpClass(cls):
        """One plain state, for the tests that do not care who encrypted it first."""
        cls.directory = tempfile.mkdtemp(prefix="swtpm-state-test.")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.keys = StateKeys(cls.directory)
        cls.plain_state, cls.plain_traces = cls.made_by_debian("none", "plain")

    @classmethod
    def new_directory(cls, name="state"):
        path = os.path.join(cls.directory, name)
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        return path

    @classmethod
    def debian(cls, state, kind, *more):
        return DebianHost(cls.tpm2, state, [*cls.keys.options(kind), *more])

    @classmethod
    def made_by_debian(cls, kind, name="state"):
        """A state directory with permanent and volatile state, and what they hold."""
        state = cls.new_directory(name)
        with cls.debian(state, kind) as host:
            return state, host.leave_at_work(b"by swtpm")

    def copied(self, made):
        state = self.new_directory()
        shutil.copytree(made, state, dirs_exist_ok=True)
        return state

    def encrypted_here(self, kind):
        """A copy of the plain state, encrypted by swtpm-state."""
        state = self.copied(self.plain_state)
        if kind != "none":
            self.rekey(state, "none", kind)
        return state

    def traces_in_debian(self, state, kind):
        with self.debian(state, kind) as host:
            host.init()
            return host.guest.traces()

    def tool(self, command, state, *options, **keywords):
        return swtpm_state(command, state, *options, tpm2=self.tpm2, **keywords)

    def rekey(self, state, old, new):
        new_key = "none" if new == "none" else self.keys.argument(new)
        self.tool("rekey", state, *self.keys.options(old), "--new-key", new_key)

    # ---------------------------------------------------------------- state files

    def test_state_made_there_verifies_here(self):
        for kind in COMMON:
            with self.subTest(kind=kind):
                state, _ = self.made_by_debian(kind)
                before = stored(state)
                listing = self.tool("list", state).stdout.decode()
                done = self.tool("verify", state, *self.keys.options(kind))
                for value in ("permall", "volatilestate"):
                    self.assertIn(f"{PREFIX[self.tpm2]}{value}: good", done.stdout.decode())
                    self.assertRegex(listing, f"(?m)^{PREFIX[self.tpm2]}{value} +"
                                     f"{len(before[PREFIX[self.tpm2] + value])} bytes  "
                                     f"{PRINTED[kind]}$")
                self.assertEqual(stored(state), before)

    def test_state_made_there_and_written_again_here_opens_there(self):
        made = {kind: self.made_by_debian(kind, f"made-{kind}") for kind in COMMON}
        for old, new in self.pairs:
            with self.subTest(old=old, new=new):
                path, traces = made[old]
                state = self.copied(path)
                self.rekey(state, old, new)
                self.assertEqual(self.traces_in_debian(state, new), traces)

    def test_plain_state_written_here_is_the_same_to_the_byte(self):
        state = self.encrypted_here("none")
        before = stored(state)
        self.rekey(state, "none", "raw256")
        self.assertNotEqual(stored(state), before)
        self.rekey(state, "raw256", "none")
        self.assertEqual(stored(state), before)

    def test_state_in_our_own_modes_is_refused_there_and_kept(self):
        for kind in OURS:
            with self.subTest(kind=kind):
                state = self.encrypted_here(kind)
                before = stored(state)
                for there in COMMON:
                    with self.debian(state, there) as host, self.assertRaises(HostError):
                        host.init()
                    self.assertEqual(stored(state), before)
                self.rekey(state, kind, "none")
                self.assertEqual(stored(state), stored(self.plain_state))

    def test_a_wrong_key_is_refused_here(self):
        for kind in (*COMMON, *OURS):
            if kind == "none":
                continue
            with self.subTest(kind=kind):
                state = self.encrypted_here(kind)
                before = stored(state)
                wrong = self.keys.options(kind, wrong=True)
                for command in (["verify"], ["rekey", "--new-key", "none"]):
                    done = self.tool(command[0], state, *wrong, *command[1:], check=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn("the key of option --key is wrong", done.stderr.decode())
                self.assertEqual(stored(state), before)

    # ---------------------------------------------------------------- state blobs

    def test_blobs_saved_there_are_stored_here_and_open_there(self):
        for kind, migration in self.pairs:
            if not original_knows(kind, migration):
                continue
            for decrypted in {False, kind != "none"}:
                with self.subTest(kind=kind, migration=migration, decrypted=decrypted):
                    self._check_blobs_from_there(kind, migration, decrypted)

    def _check_blobs_from_there(self, kind, migration, decrypted):
        options = self.keys.options(migration, "--migration-key")
        files = []
        with self.debian(self.encrypted_here(kind), kind, *options) as host:
            host.init()
            for name in ("permanent", "volatile"):
                path = os.path.join(self.directory, name)
                with open(path, "wb") as file:
                    file.write(host.save(name, decrypted))
                files += [f"--{name}", path]
        target = self.new_directory("target")
        there = "none" if decrypted else kind
        self.tool("import", target, *self.keys.options(there), *options, *files)
        self.assertEqual(self.traces_in_debian(target, there), self.plain_traces)

    def test_blobs_exported_here_load_there(self):
        for kind, migration in self.pairs:
            with self.subTest(kind=kind, migration=migration):
                self._check_blobs_to_there(kind, migration, decrypted=False)
        for kind in COMMON:
            with self.subTest(kind=kind, decrypted=True):
                self._check_blobs_to_there(kind, "none", decrypted=True)

    def _check_blobs_to_there(self, kind, migration, decrypted):
        state = self.encrypted_here(kind)
        options = self.keys.options(migration, "--migration-key")
        paths = {name: os.path.join(self.new_directory("blobs"), name)
                 for name in ("permanent", "volatile")}
        self.tool("export", state, *self.keys.options(kind), *options,
                  *(["--decrypted"] if decrypted else []),
                  *(word for name, path in paths.items() for word in (f"--{name}", path)))
        there = "none" if decrypted else kind
        with self.debian(self.new_directory("target"), there, *options) as host:
            for name, path in paths.items():
                with open(path, "rb") as file:
                    host.load(name, file.read())
            host.init()
            self.assertEqual(host.guest.traces(), self.plain_traces)

    def test_blobs_in_our_own_modes_are_refused_there(self):
        for kind in OURS:
            with self.subTest(kind=kind):
                path = os.path.join(self.new_directory("blobs"), "blob")
                self.tool("export", self.plain_state, *self.keys.options(kind, "--migration-key"),
                          "--permanent", path)
                with open(path, "rb") as file:
                    blob = file.read()
                for there in COMMON:
                    options = self.keys.options(there, "--migration-key")
                    with self.debian(self.new_directory("target"), "none", *options) as host:
                        with self.assertRaises(HostError):
                            host.load("permanent", blob)


class Tpm2State(StateTest, unittest.TestCase):
    pass


class Tpm12State(StateTest, unittest.TestCase):
    tpm2 = False
    # Each TPM 1.2 takes most of a second to start; what wraps its state is the same.
    pairs = [pair for pair in ALL_PAIRS if pair[0] == pair[1] or "none" in pair]
