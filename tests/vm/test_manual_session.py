# SPDX-License-Identifier: BSD-3-Clause
"""The session of the manual's EXAMPLES section, word for word."""

import os
import shutil
import unittest

from device import is_device, must, run, server_of, wait_until

SESSION = """\
swtpm_ioctl -s /dev/foo ; export TPM_PATH=/tmp/foo ; mkdir -p $TPM_PATH
swtpm_cuse -n foo{option} ; swtpm_ioctl -i /dev/foo
"""


class ManualSession(unittest.TestCase):

    def setUp(self):
        shutil.rmtree("/tmp/foo", ignore_errors=True)
        self.addCleanup(run, "swtpm_ioctl", "-s", "/dev/foo")

    def session(self, option):
        must("sh", "-c", SESSION.format(option=option))
        self.assertTrue(is_device("/dev/foo"))
        self.assertIsNotNone(server_of("foo"))

    def test_tpm_2(self):
        self.session(" --tpm2")
        self.assertIn("tpm2-00.permall", os.listdir("/tmp/foo"))

    def test_tpm_1_2(self):
        self.session("")
        self.assertIn("tpm-00.permall", os.listdir("/tmp/foo"))

    def test_a_second_session_replaces_the_first(self):
        self.session(" --tpm2")
        first = server_of("foo")
        self.session(" --tpm2")
        self.assertNotEqual(server_of("foo"), first)

    def test_shutdown_ends_process_and_device(self):
        self.session(" --tpm2")
        must("swtpm_ioctl", "-s", "/dev/foo")
        wait_until(lambda: server_of("foo") is None, "the end of the process")
        wait_until(lambda: not os.path.exists("/dev/foo"), "the end of the device")


if __name__ == "__main__":
    unittest.main()
