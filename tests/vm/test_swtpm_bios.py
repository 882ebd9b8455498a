# SPDX-License-Identifier: BSD-3-Clause
"""Our swtpm_bios and Debian's boot a TPM on its device."""

import shutil
import unittest

from device import OUR_IOCTL, Tpm, must, run

OUR_BIOS = shutil.which("swtpm_bios")
DEBIAN_BIOS = "/usr/bin/swtpm_bios"
GOOD, TPM_ERROR = 0, 128

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


if __name__ == "__main__":
    unittest.main()
