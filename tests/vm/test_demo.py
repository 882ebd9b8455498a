# SPDX-License-Identifier: BSD-3-Clause
"""tests/demo where the kernel has CUSE."""

import os
import unittest

from device import is_device, must, run, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(TOP, "tests/demo")
DEVICE = "/dev/vtpm0"


class Demo(unittest.TestCase):

    def setUp(self):
        self.addCleanup(run, DEMO, "stop")

    def stop(self):
        must(DEMO, "stop")
        wait_until(lambda: not os.path.exists(DEVICE), "the end of the device")

    def test_it_shows_a_tpm_and_keeps_its_state(self):
        shown = must(DEMO)
        self.assertIn("Manufacturer: IBM\n", shown)
        self.assertRegex(shown, r"Random: +[0-9a-f]{32}\n")
        self.assertRegex(shown, r"\n +0 *: 0x0{64}\n")
        key = self.key_in(shown)
        self.assertTrue(is_device(DEVICE))
        again = run(DEMO)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(DEVICE, again.stderr)
        self.stop()
        shown = must(DEMO)
        self.assertIn("from an earlier run", shown)
        self.assertEqual(self.key_in(shown), key)
        self.stop()

    def key_in(self, shown):
        return shown.partition("BEGIN PUBLIC KEY")[2].partition("END PUBLIC KEY")[0]


if __name__ == "__main__":
    unittest.main()
