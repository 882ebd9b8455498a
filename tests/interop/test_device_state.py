# SPDX-License-Identifier: BSD-3-Clause
"""State goes between Debian's `swtpm socket` and swtpm_cuse, as files and as blobs through both
control interfaces; and what is wrong with a stored state is refused and left as it is."""

import os
import shutil
import tempfile
import unittest

from state_keys import COMMON, OURS, StateKeys
from swtpm_state import stored, swtpm_state
from tpm_hosts import DebianHost, DeviceHost, HostError

TPM_BAD_KEY_PROPERTY, TPM_DECRYPT_ERROR, TPM_KEYNOTFOUND, TPM_FAILURE_2 = 0x28, 0x21, 0xD, 0x101

# A key of another length for each.
OTHER_LENGTH = {"raw128": "raw256", "raw256": "raw128", "pbkdf2": "sha512", "sha512": "pbkdf2",
                "gcm": "raw128", "strong": "strong-gcm", "strong-gcm": "strong"}


def is_for(variant):
    return f"nothing here has threads ({variant})" if variant == "tsan" else None


class DeviceTest:
    """Mixed into one class for each TPM version."""

    tpm2 = True
    # From one damaged byte to the next.
    stride = 1

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-state-test.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.keys = StateKeys(self.directory)
        self.state = self.new_directory("state")

    def new_directory(self, name):
        path = os.path.join(self.directory, name)
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        return path

    def host(self, kind_of_host, state, kind, *more):
        return kind_of_host(self.tpm2, state, [*self.keys.options(kind), *more])

    def make(self, kind_of_host, kind):
        """Permanent and volatile state in self.state; returns the traces in them."""
        self.state = self.new_directory("state")
        with self.host(kind_of_host, self.state, kind) as host:
            return host.leave_at_work(b"at work!")

    def traces(self, kind_of_host, kind):
        with self.host(kind_of_host, self.state, kind) as host:
            host.init()
            return host.guest.traces()

    # ---------------------------------------------------------------- state files

    def test_state_made_there_opens_here_and_the_other_way_round(self):
        for kind in COMMON:
            for maker, reader in ((DebianHost, DeviceHost), (DeviceHost, DebianHost)):
                with self.subTest(kind=kind, maker=maker.__name__):
                    traces = self.make(maker, kind)
                    self.assertEqual(self.traces(reader, kind), traces)

    def test_state_in_our_own_modes_opens_here(self):
        for kind in OURS:
            with self.subTest(kind=kind):
                traces = self.make(DeviceHost, kind)
                self.assertEqual(self.traces(DeviceHost, kind), traces)

    def test_an_interrupted_rekey_is_finished_by_the_daemon(self):
        traces = self.make(DebianHost, "none")
        rekeyed = os.path.join(self.directory, "rekeyed")
        shutil.copytree(self.state, rekeyed)
        swtpm_state("rekey", rekeyed, "--new-key", self.keys.argument("gcm"), tpm2=self.tpm2)
        # As rekey leaves it when it dies right after its journal is there.
        prefix = "tpm2-00" if self.tpm2 else "tpm-00"
        staged = {f"{name}.new": content for name, content in stored(rekeyed).items()}
        journal = "".join(["swtpm-state change 1\n", *(f"put {name}\n" for name in stored(rekeyed)),
                           "end\n"])
        for name, content in {**staged, f"{prefix}.change": journal.encode()}.items():
            with open(os.path.join(self.state, name), "wb") as file:
                file.write(content)
        before = stored(self.state)
        with DeviceHost(self.tpm2, f"{self.state},lock=false", self.keys.options("gcm")) as host:
            with self.assertRaises(HostError):
                host.init()
            self.assertIn("swtpm-state verify", host.log)
        self.assertEqual(stored(self.state), before)
        self.assertEqual(self.traces(DeviceHost, "gcm"), traces)
        self.assertLessEqual(set(stored(self.state)), set(stored(rekeyed)))

    # ---------------------------------------------------------------- state blobs

    def test_blobs_saved_there_load_here_and_the_other_way_round(self):
        for kind in COMMON:
            for source, target in ((DebianHost, DeviceHost), (DeviceHost, DebianHost)):
                for name, decrypted in (("--migration-key", True), ("--key", False)):
                    with self.subTest(kind=kind, source=source.__name__, option=name):
                        self._check_blobs(source, target, self.keys.options(kind, name), decrypted)

    def test_blobs_in_our_own_modes_load_here(self):
        for kind in OURS:
            for name in ("--migration-key", "--key"):
                with self.subTest(kind=kind, option=name):
                    self._check_blobs(DeviceHost, DeviceHost, self.keys.options(kind, name), False)

    def test_blobs_under_two_keys_of_two_lengths_load_here(self):
        options = [*self.keys.options("raw256"), *self.keys.options("raw128", "--migration-key")]
        self._check_blobs(DeviceHost, DeviceHost, options, False)

    def _check_blobs(self, source, target, options, decrypted):
        blobs = {}
        with source(self.tpm2, self.new_directory("source"), options) as host:
            host.init()
            host.guest.start()
            host.guest.work(b"on a way")
            traces = host.guest.traces()
            for name in ("permanent", "volatile"):
                blobs[name] = host.save(name, decrypted)
        with target(self.tpm2, self.new_directory("target"), options) as host:
            for name, blob in blobs.items():
                host.load(name, blob)
            host.init()
            self.assertEqual(host.guest.traces(), traces)

    def test_a_blob_without_its_key_or_with_a_wrong_one_is_refused(self):
        for kind in (*COMMON, *OURS):
            if kind == "none":
                continue
            with self.subTest(kind=kind):
                options = self.keys.options(kind, "--migration-key")
                with DeviceHost(self.tpm2, self.new_directory("source"), options) as host:
                    host.init()
                    blob = host.save("permanent")
                self._check_refusal([], blob, TPM_KEYNOTFOUND)
                self._check_refusal(self.keys.options(kind, "--migration-key", wrong=True), blob,
                                    TPM_DECRYPT_ERROR)
                other = OTHER_LENGTH[kind]
                expected = TPM_BAD_KEY_PROPERTY if "strong" not in kind else None
                self._check_refusal(self.keys.options(other, "--migration-key"), blob, expected)

    def _check_refusal(self, options, blob, expected):
        with DeviceHost(self.tpm2, self.new_directory("target"), options) as host:
            with self.assertRaises(HostError) as raised:
                host.load("permanent", blob)
            if expected is not None:
                self.assertEqual(raised.exception.result, expected)
            self.assertIn("--migration-key", host.log)

    def test_a_plain_blob_is_refused_where_encryption_is_required(self):
        with DeviceHost(self.tpm2, self.new_directory("source")) as host:
            host.init()
            blob = host.save("permanent")
        argument = self.keys.argument("raw128")
        with DeviceHost(self.tpm2, self.new_directory("target"),
                        ["--migration-key", argument]) as host:
            host.load("permanent", blob)
        with DeviceHost(self.tpm2, self.new_directory("target"),
                        ["--migration-key", argument + ",require"]) as host:
            with self.assertRaises(HostError):
                host.load("permanent", blob)
            self.assertIn("requires", host.log)

    # ---------------------------------------------------------------- what is wrong

    @property
    def path(self):
        return os.path.join(self.state, ("tpm2-00." if self.tpm2 else "tpm-00.") + "permall")

    def make_permanent(self, kind):
        """A permanent state alone; returns its bytes."""
        self.make(DebianHost, "none")
        os.unlink(self.path.replace("permall", "volatilestate"))
        if kind != "none":
            swtpm_state("rekey", self.state, "--new-key", self.keys.argument(kind), tpm2=self.tpm2)
        return stored(self.state)[os.path.basename(self.path)]

    def write(self, content):
        with open(self.path, "wb") as file:
            file.write(content)

    def assert_refused(self, host, content):
        """INIT fails, and the stored bytes are what they were."""
        with self.assertRaises(HostError) as raised:
            host.init()
        self.assertEqual(stored(self.state), {os.path.basename(self.path): content})
        return raised.exception.result

    def test_a_wrong_key_is_refused(self):
        for kind in (*COMMON, *OURS):
            if kind == "none":
                continue
            with self.subTest(kind=kind):
                content = self.make_permanent(kind)
                for options, result in (
                        (self.keys.options(kind, wrong=True), TPM_DECRYPT_ERROR),
                        ([], TPM_DECRYPT_ERROR),
                        (self.keys.options(OTHER_LENGTH[kind]), TPM_BAD_KEY_PROPERTY)):
                    with DeviceHost(self.tpm2, self.state, options) as host:
                        found = self.assert_refused(host, content)
                        if self.tpm2:
                            self.assertEqual(found, TPM_FAILURE_2)
                        elif "strong" not in kind:
                            self.assertEqual(found, result)
                        self.assertIn("permall", host.log)
                        self.assertIn("--key", host.log)

    def test_a_plain_state_is_refused_with_a_key(self):
        content = self.make_permanent("none")
        with self.host(DeviceHost, self.state, "raw128") as host:
            self.assert_refused(host, content)
            self.assertIn("not encrypted", host.log)

    def check_damaged(self, kind, contents):
        """Each of the contents is refused by one daemon, which opens the good one after that."""
        good = self.make_permanent(kind)
        with self.host(DeviceHost, self.state, kind) as host:
            for where, content in contents(good):
                if where % self.stride != 0:
                    continue
                self.write(content)
                try:
                    self.assert_refused(host, content)
                except AssertionError as error:
                    raise AssertionError(f"byte {where} of {len(good)}") from error
            self.write(good)
            host.init()
            self.assertIn("permall", host.log)

    @staticmethod
    def flipped(good):
        for i, byte in enumerate(good):
            yield i, good[:i] + bytes([byte ^ 1 << i % 8]) + good[i + 1:]

    @staticmethod
    def truncated(good):
        for size in range(len(good)):
            yield size, good[:size]

    def test_a_flipped_bit_in_any_byte_is_refused(self):
        for kind in ("raw128", "raw256", "gcm"):
            with self.subTest(kind=kind):
                self.check_damaged(kind, self.flipped)

    def test_a_state_cut_off_anywhere_is_refused(self):
        for kind in ("none", "raw128", "gcm"):
            with self.subTest(kind=kind):
                self.check_damaged(kind, self.truncated)

    def test_a_volatile_state_that_is_damaged_is_refused_as_swtpm_refuses_it(self):
        results = []
        for kind_of_host in (DebianHost, DeviceHost):
            self.make(kind_of_host, "none")
            with open(self.path.replace("permall", "volatilestate"), "r+b") as file:
                file.truncate(300)
            with self.host(kind_of_host, self.state, "none") as host:
                with self.assertRaises(HostError) as raised:
                    host.init()
            results.append(raised.exception.result)
        self.assertEqual(results[1], results[0])

    def test_a_state_of_another_name_is_refused(self):
        """In mode aes-256-gcm; there is no other way to tell."""
        self.make(DeviceHost, "gcm")
        os.replace(self.path.replace("permall", "volatilestate"), self.path)
        content = stored(self.state)[os.path.basename(self.path)]
        with self.host(DeviceHost, self.state, "gcm") as host:
            self.assert_refused(host, content)
            self.assertIn("moved here", host.log)


class Tpm2Device(DeviceTest, unittest.TestCase):
    pass


class Tpm12Device(DeviceTest, unittest.TestCase):
    tpm2 = False
    # libtpms tests itself for most of a second whenever a TPM 1.2 starts.  The state is unwrapped
    # by the same code, so that a few bytes are enough.
    stride = 301
