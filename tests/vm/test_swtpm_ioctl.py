# SPDX-License-Identifier: BSD-3-Clause
"""Our swtpm_ioctl and Debian's: each drives our device, and both print the same."""

import filecmp
import os
import shutil
import tempfile
import unittest

import tpm2
from device import DEBIAN_IOCTL, OUR_IOCTL, DeviceFile, Tpm, must, run

# In this order, on a TPM that has just been started: every command, and the refusals that depend
# on whether the TPM runs.
COMMANDS = [
    ["-c"], ["-g"], ["-b", "0"], ["-b", "3000"], ["-b", "0"],
    ["-e"], ["-v"], ["-C"], ["-h", "data"], ["-r", "3"], ["--save", "permanent", "early"],
    ["-i"],
    ["-c"], ["-g"], ["-e"], ["-b", "0"], ["-b", "4096"],
    ["-l", "0"], ["-l", "4"],
    ["-r", "2"], ["-r", "3"], ["-h", "data"], ["-e"], ["-r", "3"], ["-e"],
    ["-C"], ["-v"], ["--info", "1"], ["--info", "4"], ["--info", "0x1"],
    ["--save", "permanent", "blob"], ["--save", "volatile", "volatile"],
    ["--save", "savestate", "savestate"],
    ["--stop"],
    ["-e"], ["-b", "4096"],
    ["--load", "permanent", "blob"], ["--load", "volatile", "volatile"],
    ["-i"], ["-s"],
]

# Refused before anything is sent: the message is each program's own.
WRONG_USES = [
    ["-c", "/dev/none"], ["-l", "5", "/dev/vtpm-200"], ["--save", "nonsense", "blob", "/dev/vtpm-200"],
    ["--load", "permanent", "missing", "/dev/vtpm-200"], ["-c"],
]


class SwtpmIoctl(unittest.TestCase):

    def start(self, option):
        self.directory = tempfile.mkdtemp(prefix="swtpm_ioctl.")
        self.addCleanup(shutil.rmtree, self.directory)
        tpm = Tpm("vtpm-200", *option)
        self.addCleanup(tpm.remove)
        return tpm.start()

    def transcript(self, program, option):
        """What the program answers to each of COMMANDS, without its own name."""
        tpm = self.start(option)
        lines = []
        for command in COMMANDS:
            done = run(program, *command, tpm.path, cwd=self.directory)
            lines.append(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}"
                         f"{done.stderr}".replace(program, "swtpm_ioctl"))
        tpm.wait()
        return lines

    def compare(self, *option):
        debian = self.transcript(DEBIAN_IOCTL, option)
        ours = self.transcript(OUR_IOCTL, option)
        for expected, actual in zip(debian, ours, strict=True):
            with self.subTest(expected.partition(":")[0]):
                self.assertEqual(actual, expected)

    def test_tpm_2_answers_both_alike(self):
        self.compare("--tpm2")

    def test_tpm_1_2_answers_both_alike(self):
        self.compare()

    def test_wrong_uses_fail_in_both(self):
        self.start(["--tpm2"])
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

    def test_blobs_are_the_same_and_load_in_either(self):
        tpm = self.start(["--tpm2"]).initialise()
        self.grow_state(tpm)
        ours, debian = (os.path.join(self.directory, name) for name in ("ours", "debian"))
        must(OUR_IOCTL, "--save", "permanent", ours, tpm.path)
        must(DEBIAN_IOCTL, "--save", "permanent", debian, tpm.path)
        self.assertGreater(os.path.getsize(ours), 3072)
        self.assertTrue(filecmp.cmp(ours, debian, shallow=False))
        for program in (OUR_IOCTL, DEBIAN_IOCTL):
            must(program, "--stop", tpm.path)
            must(program, "--load", "permanent", ours, tpm.path)
            must(program, "-i", tpm.path)
        tpm.stop()


if __name__ == "__main__":
    unittest.main()
