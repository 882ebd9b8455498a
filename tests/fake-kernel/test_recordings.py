# SPDX-License-Identifier: BSD-3-Clause
"""The fake kernel sends what a real one has sent for the same calls (tests/lib/device_calls.py)."""

import unittest

import device_calls
from fake_kernel import FakeKernel


class SameAsARealKernel(unittest.TestCase):
    maxDiff = None

    def check(self, mode):
        kernel = FakeKernel()
        self.addCleanup(kernel.close)

        def make_device():
            kernel.close_server_fd()
            kernel.wait_device()
            return device_calls.FakeDevice(kernel)

        got = device_calls.record(
            [device_calls.ECHO_SERVER, "--fd", str(kernel.server_fd), *device_calls.MODES[mode]],
            make_device, pass_fds=[kernel.server_fd])
        self.assertEqual(got, device_calls.recording(mode))
        self.assertEqual(kernel.violations, [])

    def test_restricted(self):
        self.check("restricted")

    def test_unrestricted(self):
        self.check("unrestricted")


if __name__ == "__main__":
    unittest.main()
