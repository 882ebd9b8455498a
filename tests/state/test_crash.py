# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-state killed before each of its system calls: afterwards all values have the old key or all
have the new one, the store is tidy, and no state is lost.  And without random bytes."""

import os
import shutil
import tempfile
import unittest

from killed import kill_points, run_killed, system_calls
from programs import ours, run
from state_keys import StateKeys
from swtpm_state import PLUGINS, make_state, plain_value, stored, swtpm_state

OLD, NEW = "raw128", "gcm"


def is_for(variant):
    # LeakSanitizer does not work under strace.
    return None if variant == "release" else f"runs under strace ({variant})"


PLAIN = {f"tpm2-00.{name}": plain_value(name.encode() * 50)
         for name in ("permall", "permall.bak", "volatilestate", "savestate")}


class Killed(unittest.TestCase):

    def setUp(self):
        # In memory, where hundreds of runs need not wait for a disk.
        self.directory = tempfile.mkdtemp(prefix="swtpm-state-test.", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.directory)
        self.keys = StateKeys(self.directory)
        self.original = self.make("original", PLAIN)
        swtpm_state("rekey", self.original, "--new-key", self.keys.argument(OLD))
        self.state = os.path.join(self.directory, "state")

    def make(self, name, values):
        return make_state(os.path.join(self.directory, name), values)

    def restore(self, original):
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(original, self.state)

    def command(self, command, *options):
        return [ours("swtpm-state"), command, "--plugin-dir", PLUGINS, "--tpm2",
                "--tpmstate", f"dir={self.state}", *options]

    def rekey(self):
        return self.command("rekey", *self.keys.options(OLD),
                            "--new-key", self.keys.argument(NEW))

    def opens_with(self, kind):
        """Whether all values open with that key.  Finishes what was begun."""
        done = swtpm_state("verify", self.state, *self.keys.options(kind), check=False)
        return done.returncode == 0

    def assert_whole(self, values):
        """Everything opens with one key, is what it was, and nothing else lies there."""
        # The first look finishes the change.
        kind = OLD if self.opens_with(OLD) else NEW
        self.assertEqual(set(stored(self.state)), set(values))
        # Nothing would change unless all values opened.
        swtpm_state("rekey", self.state, *self.keys.options(kind), "--new-key", "none")
        self.assertEqual(stored(self.state), values)
        return kind

    def test_rekey_killed_before_each_system_call(self):
        self.restore(self.original)
        points = kill_points(self.rekey(), first=f'"{self.state}"')
        self.assertGreater(len(points), 60)
        found = set()
        for point in points:
            with self.subTest(point=point):
                self.restore(self.original)
                run_killed(self.rekey(), point)
                found.add(self.assert_whole(PLAIN))
        self.assertEqual(found, {OLD, NEW})

    def test_without_random_bytes_nothing_changes(self):
        """The last call of getrandom fails: the one that would have filled salt and nonce."""
        self.restore(self.original)
        calls = [name for name, _ in system_calls(self.rekey())].count("getrandom")
        self.restore(self.original)
        before = stored(self.state)
        done = run("strace", "-f", "-o", os.devnull, "-e", "trace=getrandom",
                   "-e", f"inject=getrandom:error=EIO:when={calls}", *self.rekey())
        self.assertEqual(done.returncode, 1)
        self.assertIn("random", done.stderr.decode())
        self.assertEqual(stored(self.state), before)

    def test_finishing_killed_before_each_system_call(self):
        """The journal is there, and the first value has been switched."""
        self.restore(self.original)
        renames = [point for point in kill_points(self.rekey(), first=f'"{self.state}"')
                   if point[0].startswith("rename")]
        self.restore(self.original)
        run_killed(self.rekey(), renames[len(PLAIN) + 2])
        self.assertIn("tpm2-00.change", stored(self.state))
        half = os.path.join(self.directory, "half")
        shutil.copytree(self.state, half)

        verify = self.command("verify", *self.keys.options(NEW))
        points = kill_points(verify, first=f'"{self.state}"')
        self.assertGreater(len(points), 40)
        for point in points:
            with self.subTest(point=point):
                self.restore(half)
                run_killed(verify, point)
                self.assertEqual(self.assert_whole(PLAIN), NEW)

    def test_import_killed_before_each_system_call(self):
        """Another TPM comes in; of the old one all stays or nothing."""
        blobs = self.make("blobs", {})
        other = self.make("other", {"tpm2-00.permall": plain_value(b"another TPM"),
                                    "tpm2-00.savestate": plain_value(b"its saved state")})
        files = [word for name in ("permanent", "savestate")
                 for word in (f"--{name}", os.path.join(blobs, name))]
        swtpm_state("export", other, *files)
        plain = self.make("plain", PLAIN)
        self.restore(plain)
        command = self.command("import", "--replace", *files)
        points = kill_points(command, first=f'"{self.state}"')
        found = []
        for point in points:
            with self.subTest(point=point):
                self.restore(plain)
                run_killed(command, point)
                swtpm_state("verify", self.state)
                self.assertIn(stored(self.state), (PLAIN, stored(other)))
                found.append(stored(self.state) == PLAIN)
        self.assertEqual(set(found), {True, False})
        # Once it is made it stays made.
        self.assertEqual(found, sorted(found, reverse=True))
