# SPDX-License-Identifier: BSD-3-Clause
"""The device comes and goes with the process, and so does the state."""

import errno
import os
import signal
import tempfile
import unittest

import tpm2
from device import DeviceFile, Tpm, is_device, run, server_of


class LifeCycle(unittest.TestCase):

    def start(self, name):
        tpm = Tpm(name, "--tpm2")
        self.addCleanup(tpm.remove)
        return tpm.start()

    def test_shutdown_takes_the_device_from_those_who_have_it_open(self):
        tpm = self.start("vtpm-gone").initialise()
        with DeviceFile(tpm.path) as file:
            tpm.stop()
            with self.assertRaises(OSError) as refused:
                file.write(tpm2.get_random(8))
            self.assertEqual(refused.exception.errno, errno.ENOTCONN)

    def test_a_name_that_is_taken_is_refused(self):
        tpm = self.start("vtpm-taken")
        server = server_of("vtpm-taken")
        with tempfile.TemporaryDirectory() as directory:
            second = run("swtpm_cuse", "-n", "vtpm-taken", "--tpm2", "--tpmstate",
                         f"dir={directory}")
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("/dev/vtpm-taken", second.stderr)
            self.assertEqual(os.listdir(directory), [])
        self.assertEqual(server_of("vtpm-taken"), server)
        tpm.initialise()

    def test_an_ordinary_user_is_told_what_is_missing(self):
        with tempfile.TemporaryDirectory() as directory:
            refused = run("setpriv", "--reuid=nobody", "--clear-groups", "swtpm_cuse", "-n",
                          "vtpm-user", "--tpm2", "--tpmstate", f"dir={directory}")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("/dev/cuse", refused.stderr)
        self.assertFalse(os.path.exists("/dev/vtpm-user"))

    def test_sigterm_ends_it_as_shutdown_does(self):
        tpm = self.start("vtpm-term").initialise()
        with DeviceFile(tpm.path) as file:
            tpm2.Tpm2(file).startup()
        os.kill(server_of("vtpm-term"), signal.SIGTERM)
        tpm.wait()
        tpm.start().initialise()
        with DeviceFile(tpm.path) as file:
            self.assertEqual(tpm2.Tpm2(file).code(tpm2.startup(tpm2.SU_STATE)), tpm2.RC_SUCCESS,
                             "the end did not save what TPM2_Startup(STATE) needs")

    def test_two_tpms_are_two(self):
        first, second = self.start("vtpm-a").initialise(), self.start("vtpm-b").initialise()
        with DeviceFile(first.path) as file:
            tpm2.Tpm2(file).startup()
        with DeviceFile(second.path) as file:
            self.assertEqual(tpm2.Tpm2(file).code(tpm2.get_random(8)), tpm2.RC_INITIALIZE)
        first.stop()
        self.assertTrue(is_device(second.path))


if __name__ == "__main__":
    unittest.main()
