# SPDX-License-Identifier: BSD-3-Clause
"""Our swtpm_ioctl and Debian's: each drives our device, and both print the same."""

import filecmp
import os
import shutil
import tempfile
import unittest

import ioctl_session
import programs
import tpm2
from device import DEBIAN_IOCTL, OUR_IOCTL, PATIENCE, DeviceFile, Tpm, must, run

# Refused before anything is sent: the message is each program's own.
WRONG_USES = [
    ["-c", "/dev/none"], ["-l", "5", "/dev/vtpm-200"], ["--save", "nonsense", "blob", "/dev/vtpm-200"],
    ["--load", "permanent", "missing", "/dev/vtpm-200"], ["-c"],
]
# Set, the environment variable makes blobs travel by read(2) and write(2), in parts of that size.
TRANSFERS = [{"SWTPM_IOCTL_BUFFERSIZE": ""}, {"SWTPM_IOCTL_BUFFERSIZE": "1000"}]


class SwtpmIoctl(unittest.TestCase):

    def start(self, *options):
        self.directory = tempfile.mkdtemp(prefix="swtpm_ioctl.")
        self.addCleanup(shutil.rmtree, self.directory)
        tpm = Tpm("vtpm-200", *options)
        self.addCleanup(tpm.remove)
        return tpm.start()

    def path(self, name):
        return os.path.join(self.directory, name)

    def session(self, program, tpm):
        run(program, "--stop", tpm.path)
        return ioctl_session.answers(program, ["--tpm-device", tpm.path], self.directory,
                                     timeout=PATIENCE)

    def test_tpm_2_answers_both_alike(self):
        tpm = self.start("--tpm2")
        debian, ours = (self.session(program, tpm) for program in (DEBIAN_IOCTL, OUR_IOCTL))
        for command, expected, actual in zip(ioctl_session.COMMANDS, debian, ours, strict=True):
            with self.subTest(command=command[0]):
                self.assertEqual(actual, expected)

    def test_tpm_1_2_answers_both_alike(self):
        tpm = self.start()
        for command in (["-c"], ["-e"], ["-i"], ["-e"], ["--info", "1"], ["-r", "3"], ["--stop"]):
            debian, ours = (run(program, *command, tpm.path)
                            for program in (DEBIAN_IOCTL, OUR_IOCTL))
            with self.subTest(command=command):
                self.assertEqual((ours.returncode, ours.stdout, ours.stderr),
                                 (debian.returncode, debian.stdout, debian.stderr))

    def test_wrong_uses_fail_in_both(self):
        self.start("--tpm2")
        for arguments in WRONG_USES:
            ours, debian = (run(program, *arguments) for program in (OUR_IOCTL, DEBIAN_IOCTL))
            with self.subTest(" ".join(arguments)):
                self.assertEqual((ours.returncode, ours.stdout),
                                 (debian.returncode, debian.stdout))
                self.assertNotEqual(ours.returncode, 0)
                self.assertNotEqual(ours.stderr, "")

    def grow_state(self, tpm):
        """So that it takes several parts to move it."""
        with DeviceFile(tpm.path) as file:
            client = tpm2.Tpm2(file)
            client.startup()
            for index in (0x1500000, 0x1500001):
                client.run(tpm2.nv_define(index, 2048))
                client.run(tpm2.nv_write(index, os.urandom(1024)))

    def move(self, program, direction, transfer, tpm):
        done = programs.run(program, direction, "permanent", self.path("blob"), tpm.path,
                            environment=transfer, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_blobs_are_the_same_however_they_are_moved(self):
        tpm = self.start("--tpm2").initialise()
        self.grow_state(tpm)
        ways = [(program, transfer) for program in (OUR_IOCTL, DEBIAN_IOCTL)
                for transfer in TRANSFERS]
        for way in ways:
            self.move(way[0], "--save", way[1], tpm)
            if way == ways[0]:
                shutil.copy(self.path("blob"), self.path("first"))
            self.assertTrue(filecmp.cmp(self.path("blob"), self.path("first"), shallow=False))
        self.assertGreater(os.path.getsize(self.path("blob")), 3072)
        # libtpms checks the digest in each state that it is given.
        for program, transfer in ways:
            must(program, "--stop", tpm.path)
            self.move(program, "--load", transfer, tpm)
            must(program, "-i", tpm.path)

    def test_a_blob_that_is_too_large(self):
        tpm = self.start("--tpm2")
        with open(self.path("huge"), "wb") as file:
            file.truncate((512 << 10) + 1)
        refused = run(OUR_IOCTL, "--load", "permanent", self.path("huge"), tpm.path)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("524288 bytes", refused.stderr)

    def test_lock_storage(self):
        tpm = self.start("--tpm2").initialise()
        must(OUR_IOCTL, "--lock-storage", "10", tpm.path)


if __name__ == "__main__":
    unittest.main()
