# SPDX-License-Identifier: BSD-3-Clause
"""Whether tests/bench/many and tests/bench/startup work; that TPMs without work use no processor."""

import os
import shutil
import subprocess
import unittest

BENCH = os.path.dirname(os.path.abspath(__file__))


def is_for(variant):
    return None if variant == "release" else "a sanitizer has threads of its own"


def run(script, *options):
    return subprocess.run([os.path.join(BENCH, script), *options], capture_output=True, text=True)


class Many(unittest.TestCase):
    def test_tpms_without_work_use_no_processor(self):
        done = run("many", "--running", "12", "--stored", "3", "--rounds", "1", "--idle", "1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for store in ("dir", "lmdb"):
            self.assertRegex(done.stdout, rf"\| {store}, 12 .*\| +0\.000 \| +0(\.00)? \|")
            self.assertRegex(done.stdout, rf"\| {store}, 3 ")


@unittest.skipIf(shutil.which("swtpm") is None, "swtpm is not installed")
class Startup(unittest.TestCase):
    def test_each_microsecond_has_its_row(self):
        done = run("startup", "--rounds", "2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = [line.split("|")[2:5] for line in done.stdout.splitlines()[2:]]
        figures = [[int(cell.replace(",", "")) for cell in row] for row in rows]
        *parts, total, _ = figures
        self.assertGreaterEqual(min(min(part) for part in parts), 0, done.stdout)
        for column in range(3):
            # Of two rounds the median is the mean.
            self.assertAlmostEqual(sum(part[column] for part in parts), total[column],
                                   delta=len(parts))
