# SPDX-License-Identifier: BSD-3-Clause
"""Our swtpm_bios and Debian's boot a TPM on its device."""

import shutil
import unittest

import tpm2
from device import OUR_IOCTL, DeviceFile, Tpm, must, run

OUR_BIOS = shutil.which("swtpm_bios")
DEBIAN_BIOS = "/usr/bin/swtpm_bios"
GOOD, TPM_ERROR, RESET_NEEDED, CANNOT_TALK = 0, 128, 129, 255

# From a fresh start on.
BOOTS = [["-o"], ["-o"], ["-n", "-ea"], ["-n", "-cs", "-u"], ["-s"]]


class SwtpmBios(unittest.TestCase):

    def start(self, *version):
        tpm = Tpm("vtpm-bios", *version)
        self.addCleanup(tpm.remove)
        return tpm.start()

    def statuses(self, program, tpm, version):
        must(OUR_IOCTL, "-i", tpm.path)
        return [run(program, *version, "--tpm-device", tpm.path, *options).returncode
                for options in BOOTS]

    def boot(self, *version):
        tpm = self.start(*version)
        not_running = run(OUR_BIOS, *version, "--tpm-device", tpm.path, "-o")
        self.assertEqual(not_running.returncode, TPM_ERROR)
        self.assertIn(tpm.path, not_running.stderr)
        ours = self.statuses(OUR_BIOS, tpm, version)
        self.assertEqual(ours, self.statuses(DEBIAN_BIOS, tpm, version))
        self.assertEqual(ours[:2], [GOOD, TPM_ERROR])
        must(OUR_IOCTL, "-i", tpm.path)
        whole = run("env", f"TPM_DEVICE={tpm.path}", OUR_BIOS, *version, "-ea", "-cs")
        self.assertEqual((whole.returncode, whole.stdout, whole.stderr), (GOOD, "", ""))

    def test_tpm_2(self):
        self.boot("--tpm2")

    def test_tpm_1_2(self):
        self.boot()

    def test_a_deactivated_tpm_1_2_is_active_after_a_reset(self):
        tpm = self.start()
        boot = [OUR_BIOS, "--tpm-device", tpm.path, "-ea"]
        must(OUR_IOCTL, "-i", tpm.path)
        must(*boot)
        with DeviceFile(tpm.path) as file:
            # TPM_PhysicalSetDeactivated(TRUE)
            file.write(bytes.fromhex("00c10000000b0000007201"))
            self.assertEqual(file.read().hex(), "00c40000000a00000000")
        for status in (RESET_NEEDED, GOOD):
            must(OUR_IOCTL, "-i", tpm.path)
            self.assertEqual(run(*boot).returncode, status)

    def test_a_tpm_that_another_program_uses(self):
        tpm = self.start("--tpm2").initialise()
        with DeviceFile(tpm.path) as file:
            tpm2.Tpm2(file).startup()
            done = run(OUR_BIOS, "--tpm2", "--tpm-device", tpm.path)
        self.assertEqual(done.returncode, CANNOT_TALK)
        self.assertIn("another program", done.stderr)


if __name__ == "__main__":
    unittest.main()
