# SPDX-License-Identifier: BSD-3-Clause
"""A real kernel sends what tests/fake-kernel/recordings says, with which the fake one is compared.

To record anew, after a change of the sequence, and look at the difference:
    tests/vm/run -w tests/fake-kernel/recordings python3 tests/vm/test_recordings.py record
"""

import os
import platform
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

import device_calls


def record(mode):
    return device_calls.record([device_calls.ECHO_SERVER, *device_calls.MODES[mode]],
                               device_calls.RealDevice)


class RealKernel(unittest.TestCase):
    maxDiff = None

    def test_restricted(self):
        self.assertEqual(record("restricted"), device_calls.recording("restricted"))

    def test_unrestricted(self):
        self.assertEqual(record("unrestricted"), device_calls.recording("unrestricted"))


def write_recordings():
    for name in device_calls.MODES:
        path = os.path.join(device_calls.RECORDINGS, f"{name}.txt")
        with open(path, "w", encoding="ascii") as file:
            print(f"# Linux {platform.release()}, {name} ioctl", *record(name), sep="\n", file=file)


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        write_recordings()
    else:
        unittest.main()
