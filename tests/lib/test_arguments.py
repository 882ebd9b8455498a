# SPDX-License-Identifier: BSD-3-Clause
"""What cannot mean anything is refused by the tools of the tests, with a reason, before they begin."""

import argparse
import glob
import os
import subprocess
import tempfile
import unittest

import arguments
from programs import PATIENCE, TREE

TESTS = os.path.join(TREE, "tests")
NO_DIRECTORY = "/nowhere"

# Of each tool a bad use, and what it says.
REFUSED = {
    "soak/crash": (["--every", "0"], "'0' is no whole number from 1 up"),
    "soak/endurance": (["--rate", "nan"], "'nan' is no number above 0"),
    "soak/steady": (["--seconds", "-1"], "'-1' is no number above 0"),
    "fault/run": (["--sample", "0", "release"], "'0' is no whole number from 1 up"),
    "power-loss/run": (["--bits", "-1"], "'-1' is no whole number from 0 up"),
    "bench/run": (["--directory", NO_DIRECTORY], f"'{NO_DIRECTORY}' is no directory"),
    "bench/many": (["--stored", "many"], "'many' is no whole number from 1 up"),
    "bench/startup": (["--write", NO_DIRECTORY], f"'{NO_DIRECTORY}' is no file"),
    "bench/instructions": (["--limit", "1.5"], "'1.5' is no whole number from 1 up"),
}


def uses_arguments(path):
    path = os.path.join(TESTS, path)
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return b"\nimport arguments" in file.read()


class Types(unittest.TestCase):
    def accept(self, kind, text, value):
        self.assertEqual(kind(text), value)

    def refuse(self, kind, *texts):
        for text in texts:
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError) as refusal:
                kind(text)
            self.assertIn(f"'{text}'", str(refusal.exception))

    def test_whole_numbers_have_a_least_one(self):
        self.accept(arguments.at_least(1), "1", 1)
        self.accept(arguments.at_least(0), "0", 0)
        self.refuse(arguments.at_least(1), "0", "-1", "1.5", "1e3", "one", "")

    def test_numbers_above_zero_are_finite(self):
        self.accept(arguments.above_zero, "0.25", 0.25)
        self.refuse(arguments.above_zero, "0", "-0.0", "-1", "inf", "nan", "soon", "")

    def test_a_directory_is_there(self):
        with tempfile.TemporaryDirectory() as place:
            file = os.path.join(place, "file")
            with open(file, "w", encoding="utf-8"):
                pass
            self.accept(arguments.directory, place, place)
            self.refuse(arguments.directory, file, file + "/beneath", "")

    def test_a_file_to_write_has_a_directory(self):
        with tempfile.TemporaryDirectory() as place:
            new = os.path.join(place, "new")
            self.accept(arguments.file_to_write, new, new)
            self.accept(arguments.file_to_write, "here", "here")
            self.refuse(arguments.file_to_write, place, new + "/beneath")

    def test_an_existing_file_is_one(self):
        self.accept(arguments.existing_file, __file__, __file__)
        self.refuse(arguments.existing_file, os.path.dirname(__file__), __file__ + ".none")


class Tools(unittest.TestCase):
    def test_each_tool_refuses_and_says_why(self):
        for tool, (bad, reason) in REFUSED.items():
            with self.subTest(tool):
                # Should the value be taken, --help ends the tool before it begins.
                done = subprocess.run([os.path.join(TESTS, tool), *bad, "--help"],
                                      capture_output=True, text=True, timeout=PATIENCE, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, f"error: argument {bad[0]}: {reason}\n$")

    def test_each_tool_with_such_arguments_is_among_them(self):
        programs = {path for path in glob.glob("*/*", root_dir=TESTS) if not path.endswith(".py")}
        tools = {path for path in programs if uses_arguments(path)}
        self.assertEqual(tools, set(REFUSED))
