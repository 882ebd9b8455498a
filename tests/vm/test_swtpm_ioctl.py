# SPDX-License-Identifier: BSD-3-Clause
"""Our swtpm_ioctl and Debian's: each drives our device, and both print the same."""

import filecmp
import os
import shutil
import tempfile
import unittest

from device import DEBIAN_IOCTL, OUR_IOCTL, Tpm, must, run

# In this order, on a TPM that has just been started: every command, and the refusals that depend
# on whether the TPM runs.
COMMANDS = [
    ["-c"], ["-g"], ["-b", "0"], ["-b", "3000"], ["-b", "0"],
    ["-e"], ["-v"], ["-C"], ["-h", "data"], ["-r", "3"], ["--save", "permanent", "early"],
    ["-i"],
    ["-c"], ["-g"], ["-e"], ["-b", "0"], ["-b", "4096"],
    ["-l", "0"], ["-l", "4"], ["-l", "5"],
    ["-r", "2"], ["-r", "3"], ["-h", "data"], ["-e"], ["-r", "3"], ["-e"],
    ["-C"], ["-v"], ["--info", "1"], ["--info", "4"], ["--info", "0x1"],
    ["--save", "permanent", "blob"], ["--save", "volatile", "volatile"],
    ["--save", "savestate", "savestate"], ["--save", "nonsense", "blob"],
    ["--stop"],
    ["-e"], ["-b", "4096"],
    ["--load", "permanent", "blob"], ["--load", "volatile", "volatile"], ["--load", "permanent",
                                                                         "missing"],
    ["-i"], ["-s"],
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

    def test_a_missing_device_is_the_same_error(self):
        ours, debian = (run(program, "-c", "/dev/none") for program in (OUR_IOCTL, DEBIAN_IOCTL))
        self.assertEqual((ours.returncode, ours.stdout), (debian.returncode, debian.stdout))
        self.assertIn("/dev/none", ours.stderr)

    def test_blobs_are_the_same_and_load_in_either(self):
        tpm = self.start(["--tpm2"]).initialise()
        ours, debian = (os.path.join(self.directory, name) for name in ("ours", "debian"))
        must(OUR_IOCTL, "--save", "permanent", ours, tpm.path)
        must(DEBIAN_IOCTL, "--save", "permanent", debian, tpm.path)
        self.assertGreater(os.path.getsize(ours), 3072, "a blob of one part proves little")
        self.assertTrue(filecmp.cmp(ours, debian, shallow=False))
        for program in (OUR_IOCTL, DEBIAN_IOCTL):
            must(program, "--stop", tpm.path)
            must(program, "--load", "permanent", ours, tpm.path)
            must(program, "-i", tpm.path)
        tpm.stop()


if __name__ == "__main__":
    unittest.main()
