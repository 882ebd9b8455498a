# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks work.  How fast anything is, is not judged here."""

import json
import os
import subprocess
import tempfile
import unittest
from xml.etree import ElementTree

from fake_kernel import TOP

RUN = os.path.join(TOP, "tests/bench/run")


class Quickly(unittest.TestCase):

    def run_part(self, part, plots):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
            done = subprocess.run(
                [RUN, "--quick", "--part", part, "--directory", directory, "--results", directory],
                capture_output=True, text=True, timeout=500)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("\n| ", done.stdout)
            with open(os.path.join(directory, f"{part}.json"), encoding="utf-8") as file:
                self.assertTrue(json.load(file)["figures"])
            for name in plots:
                self.check_plot(os.path.join(directory, name))
            left = sorted(set(os.listdir(directory)) - {f"{part}.json", *plots})
            self.assertEqual(left, [])

    def check_plot(self, path):
        plot = ElementTree.parse(path).getroot()
        shapes = [element for element in plot.iter() if element.tag.endswith("}rect")]
        self.assertGreater(len(shapes), 4, f"{path} shows nothing")

    def test_commands(self):
        self.run_part("commands", ["commands.svg"])

    def test_start(self):
        self.run_part("start", ["start.svg"])

    def test_instances(self):
        self.run_part("instances", ["instances.svg"])

    def test_stores(self):
        self.run_part("stores", ["stores.svg"])


if __name__ == "__main__":
    unittest.main()
