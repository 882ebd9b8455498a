# SPDX-License-Identifier: BSD-3-Clause
"""What systemd-analyze says of swtpm-cuse@.service; tests/vm has a test that starts it."""

import os
import re
import subprocess
import tempfile
import unittest

from daemon import PROGRAM
from fake_kernel import PATIENCE, TOP

UNIT = os.path.join(TOP, "doc/systemd/swtpm-cuse@.service")
EXPOSURE_LIMIT = 2.0


def analyze(verb, *words):
    done = subprocess.run(["systemd-analyze", "--no-pager", verb, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout + done.stderr


class SystemdUnit(unittest.TestCase):
    def test_its_exposure_is_low(self):
        code, text = analyze("security", "--offline=yes", UNIT)
        self.assertEqual(code, 0, text)
        exposure = float(re.search(r"Overall exposure level for \S+ ([\d.]+)", text)[1])
        self.assertLess(exposure, EXPOSURE_LIMIT)

    def test_it_holds_nothing_that_systemd_does_not_know(self):
        """With a program where it is looked for, since ours need not be installed."""
        with open(UNIT, encoding="utf-8") as unit:
            text = unit.read()
        self.assertIn("ExecStart=swtpm_cuse ", text)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, os.path.basename(UNIT))
            with open(path, "w", encoding="utf-8") as copy:
                copy.write(text.replace("ExecStart=swtpm_cuse ", f"ExecStart={PROGRAM} "))
            os.chmod(path, 0o644)
            self.assertEqual(analyze("verify", "--man=no", path), (0, ""))


if __name__ == "__main__":
    unittest.main()
