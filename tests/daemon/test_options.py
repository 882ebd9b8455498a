# SPDX-License-Identifier: BSD-3-Clause
"""Every option and sub-option of swtpm_cuse, used well and badly (good_uses.py, bad_uses.py).

A good use serves a device or prints, with exit code 0 and the effect that its check looks for.  A
bad use ends with its exit code, tells why in one line, and leaves the disk as it was.  The last
test compares the tables with --help.
"""

import os
import re
import unittest

from bad_uses import BAD
from daemon import BUILD_DIR, IS_SANITIZED
from good_uses import GOOD
from help_text import parse_help
from option_place import IS_ROOT, Place, serving_words
from option_uses import Prints
from store import STORAGE

# Stands in for a libtpms that has profiles: libtpms 0.10, which Debian 12 does not have.
PROFILE_LIBRARY = os.path.join(BUILD_DIR, "tests/libprofiles.so")

# No good use: this program changes no profile.
ALWAYS_REFUSED = {"--profile remove-disabled"}

BAD_USES = 3


class Options(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)

    def skip_unless(self, need):
        """`need` as in option_uses.py."""
        if need == "root" and not IS_ROOT:
            self.skipTest("needs root")
        if need == "no profiles" and self.has_profiles():
            self.skipTest("the loaded libtpms has profiles")
        if need == "profiles" and IS_SANITIZED:
            self.skipTest("the sanitizer's library must be loaded first")
        if need == "profiles" and STORAGE != "dir":
            self.skipTest(f"STORAGE={STORAGE}: the stand-in for libtpms leaves its file in the "
                          "state's directory")
        if need == "sandbox" and IS_SANITIZED:
            self.skipTest("a sanitizer makes system calls of its own")

    def has_profiles(self):
        return self.place.run("--print-profiles").returncode == 0

    def environment(self, use):
        environment = {name: self.place.fill_in(value)
                       for name, value in (use.environment or {}).items()}
        if use.needs == "profiles":
            libraries = [PROFILE_LIBRARY, os.environ.get("LD_PRELOAD", "")]
            environment["LD_PRELOAD"] = ":".join(filter(None, libraries))
            environment["PROFILE_FILE"] = self.place.path("state/profile-set")
        return environment

    def serve(self, words, environment=None, check=None):
        self.place.prepare()
        self.place.start(*serving_words(words), environment=environment)
        if check is not None:
            check(self.place)
        self.assertEqual(self.place.stop(), 0, self.place.text("stderr"))
        self.assertEqual(self.place.text("stderr"), "")

    def use_well(self, use):
        if use.before is not None:
            self.serve(use.before)
        if isinstance(use, Prints):
            self.check_printed(use)
            return
        self.serve(use.words, self.environment(use), use.check)
        if use.check_end is not None:
            use.check_end(self.place)

    def check_printed(self, use):
        result = self.place.run(*use.words, environment=self.environment(use))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, use.pattern)

    def use_badly(self, use):
        self.place.prepare()
        before = self.place.snapshot(use.leaves_state)
        words = use.words if use.whole else serving_words(use.words)
        result = self.place.run(*words, environment=self.environment(use))
        self.assertEqual(result.returncode, use.code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\Aswtpm_cuse: [^\n]+\n\Z")
        for piece in use.says:
            self.assertIn(self.place.fill_in(piece), result.stderr)
        self.assertEqual(self.place.snapshot(use.leaves_state), before)


def test_of(method, use):
    def test(self):
        self.skip_unless(use.needs)
        method(self, use)
    return test


def add_tests(table, method, title):
    for key, uses in table.items():
        for number, use in enumerate(uses, start=1):
            name = re.sub(r"\W+", "_", key).strip("_")
            setattr(Options, f"test_{name}_{title}_{number}", test_of(method, use))


add_tests(GOOD, Options.use_well, "used_well")
add_tests(BAD, Options.use_badly, "used_badly")


class Tables(unittest.TestCase):
    def test_each_option_and_sub_option_is_used_well_and_badly(self):
        place = Place()
        self.addCleanup(place.close)
        wanted = set()
        for name, option in parse_help(place.run("--help").stdout).items():
            wanted.add(name)
            wanted.update(f"{name} {sub_option}" for sub_option in option.sub_options)
        self.assertEqual(set(GOOD), wanted - ALWAYS_REFUSED)
        self.assertEqual(set(BAD), wanted)
        few = {key for key, uses in BAD.items() if len(uses) < BAD_USES}
        self.assertEqual(few, set())


if __name__ == "__main__":
    unittest.main()
