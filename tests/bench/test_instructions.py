# SPDX-License-Identifier: BSD-3-Clause
"""How many instructions of the daemon a quick command may take: a count, so it holds on a busy
machine too."""

import os
import shutil
import subprocess
import unittest

INSTRUCTIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions")


def is_for(variant):
    if variant != "release":
        return "a sanitizer adds instructions of its own"
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    return None


class Instructions(unittest.TestCase):
    def count(self, *options):
        return subprocess.run([INSTRUCTIONS, "--commands", "50", "-k", "GetRandom", *options],
                              capture_output=True, text=True)

    def test_a_quick_command_takes_at_most_4000(self):
        done = self.count()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("| GetRandom, 16 bytes | ", done.stdout)

    def test_more_than_the_limit_is_told(self):
        done = self.count("--limit", "1000", "--functions", "1")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("GetRandom, 16 bytes: more than 1,000 instructions", done.stderr)
