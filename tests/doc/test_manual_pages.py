# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages are correct mdoc(7), and refer to pages of this project that there are."""

import os
import re
import subprocess
import unittest

from fake_kernel import PATIENCE, TOP

DOC = os.path.join(TOP, "doc")
PAGES = sorted(name for name in os.listdir(DOC) if re.search(r"\.[1-8]$", name))

# Whether pages of other packages are installed says nothing of ours.
NOT_OURS = re.compile(r"referenced manual not found|outdated mandoc.db")


class ManualPages(unittest.TestCase):
    def test_there_are_pages(self):
        self.assertIn("swtpm_cuse.8", PAGES)

    def test_mandoc_finds_nothing(self):
        for page in PAGES:
            done = subprocess.run(["mandoc", "-T", "lint", os.path.join(DOC, page)],
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
            found = [line for line in (done.stdout + done.stderr).splitlines()
                     if not NOT_OURS.search(line)]
            self.assertEqual(found, [], page)

    def test_pages_of_this_project_that_are_referred_to_exist(self):
        for page in PAGES:
            with open(os.path.join(DOC, page), encoding="utf-8") as source:
                referred = re.findall(r"^\.Xr (swtpm[_-][\w-]*) (\d)", source.read(), re.MULTILINE)
            missing = {f"{name}.{section}" for name, section in referred} - set(PAGES)
            self.assertEqual(missing, set(), page)


if __name__ == "__main__":
    unittest.main()
