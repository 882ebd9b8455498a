# SPDX-License-Identifier: BSD-3-Clause
"""Starting and ending the daemon (COMPAT §1, §3 "Behaviour", §6)."""

import os
import unittest

import tpm2
from daemon import Daemon
from ptm import Control
from tpm2 import Tpm2


class StartAndEnd(unittest.TestCase):
    def test_the_device_gets_the_given_name(self):
        with Daemon() as daemon:
            self.assertEqual(daemon.kernel.device.name, "vtpm-test")

    def test_shutdown_ends_the_process_with_0(self):
        with Daemon() as daemon:
            self.assertEqual(daemon.shut_down(), 0)
            self.assertTrue(daemon.kernel.is_gone)


if __name__ == "__main__":
    unittest.main()
