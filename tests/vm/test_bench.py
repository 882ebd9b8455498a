# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark on real device nodes works.  How fast anything is, is not judged here."""

import json
import os
import unittest

from device import must
from fake_kernel import TOP


class OnDevice(unittest.TestCase):

    def test_commands(self):
        figures = json.loads(must(os.path.join(TOP, "tests/bench/on_device"), "--quick"))
        self.assertIn("GetRandom", figures)
        for name, result in figures.items():
            self.assertGreater(result["ratio to floor"], 0, name)


if __name__ == "__main__":
    unittest.main()
