# SPDX-License-Identifier: BSD-3-Clause
"""The tools beside swtpm_cuse: --help, the manual page and the completions know the same options.
And swtpm-ptm(4): what it shows is C that compiles, with the structures of the header."""

import os
import re
import subprocess
import tempfile
import unittest

from programs import PATIENCE, TREE, ours, run

DOC = os.path.join(TREE, "doc")
HEADER = os.path.join(TREE, "core/include/swtpm_ptm.h")
PTM_MANUAL = os.path.join(DOC, "swtpm-ptm.4")
HELP = {"swtpm_ioctl": "--help", "swtpm_bios": "-h", "swtpm-state": "--help",
        "swtpm-plugin-check": "--help"}
SECTION = {"swtpm-plugin-check": 1}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def options_of_help(tool):
    """{"--save": 2, …}: how many values each option takes."""
    text = run(ours(tool), HELP[tool]).stdout.decode()
    found = re.findall(r"^  (?:-\w, )?(--?[\w-]+)((?: [A-Z]+| \[HOST\]:\[PORT\])*) ", text, re.MULTILINE)
    return {name: len(values.split()) for name, values in found}


class Entry:
    """An option in a manual page."""

    def __init__(self, arguments):
        self.values = len(re.findall(r"\w+", arguments.removeprefix(" Ar"))) if arguments else 0
        self.examples = []


def options_of_manual(tool):
    """{"--save": Entry, …}"""
    entries = {}
    entry = None
    for line in read(os.path.join(DOC, f"{tool}.{SECTION.get(tool, 8)}")).splitlines():
        item = re.fullmatch(r"\.It Fl (?:\w , Fl )?(-?[\w-]+)( Ar [\w ]+)?", line)
        if item:
            entry = entries[f"-{item[1]}"] = Entry(item[2])
        elif line.startswith((".It", ".Sh")):
            entry = None
        elif line.startswith(".Dl ") and entry is not None:
            entry.examples.append(line.split())
    return entries


def options_of_bash(tool):
    """{"--save": True, …}: whether each option takes a value."""
    script = os.path.join(DOC, f"completion/{tool}.bash")
    words = subprocess.run(["bash", "-c", f'source "$0"; _{tool}_options', script],
                           capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.split()
    return {word.rstrip("="): word.endswith("=") for word in words}


def options_of_zsh(tool):
    """{"--save": 2, …}: how many values each option takes."""
    found = re.findall(r'"(?:\([^)]*\))?(--?[\w-]+)\[[^]]*\](.*)"(?: \\)?$',
                       read(os.path.join(DOC, f"completion/_{tool}")), re.MULTILINE)
    return {name: len(re.findall(r"(?<!\\):", values)) // 2 for name, values in found}


class Options(unittest.TestCase):

    def agree(self, tool):
        expected = options_of_help(tool)
        self.assertGreater(len(expected), 6)
        manual = options_of_manual(tool)
        self.assertEqual({name: entry.values for name, entry in manual.items()}, expected)
        self.assertEqual(options_of_zsh(tool), expected)
        self.assertEqual(options_of_bash(tool),
                         {name: values > 0 for name, values in expected.items()})
        for name, entry in manual.items():
            shown = [example for example in entry.examples if tool in example and name in example]
            self.assertTrue(shown, f"{tool} has no example of {name}")

    def test_swtpm_ioctl(self):
        self.agree("swtpm_ioctl")

    def test_swtpm_bios(self):
        self.agree("swtpm_bios")

    def test_swtpm_state(self):
        self.agree("swtpm-state")

    def test_swtpm_plugin_check(self):
        self.agree("swtpm-plugin-check")


class PtmManual(unittest.TestCase):

    def setUp(self):
        self.source = read(PTM_MANUAL)
        self.sections = re.split(r"^\.Ss ", self.source.split(".Sh CALLS\n")[1]
                                 .split(".Sh ERRORS")[0], flags=re.MULTILINE)[1:]

    def displays(self, section):
        shown = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section, re.MULTILINE | re.DOTALL)
        return [display.replace(r"\e", "\\").replace(r"\-", "-") for display in shown]

    def test_every_call_has_a_section_and_a_row_in_the_table_of_states(self):
        numbers = re.findall(r"PTM_NUMBER_(\w+) =", read(HEADER))
        self.assertEqual(len(numbers), 19)
        for name in numbers:
            self.assertTrue(any(f"PTM_{name}" in section.splitlines()[0]
                                for section in self.sections), name)
            row = "HASH_START, _DATA, _END" if name.startswith("HASH_") else name
            if name != "SET_DATAFD":
                self.assertIn(f".It {row} Ta ", self.source)

    def test_structures_are_those_of_the_header(self):
        header = re.sub(r" */\*.*?\*/", "", read(HEADER), flags=re.DOTALL)
        shown = [display for section in self.sections for display in self.displays(section)
                 if re.match(r"(struct|union) ptm_\w+ \{", display)]
        names = {display.split()[1] for display in shown}
        self.assertEqual(names, set(re.findall(r"^(?:struct|union) (ptm_\w+) \{", header,
                                               re.MULTILINE)))
        for display in shown:
            self.assertIn(display, header)

    def test_every_call_has_an_example_that_compiles(self):
        with tempfile.TemporaryDirectory() as directory:
            for section in self.sections:
                name = section.splitlines()[0]
                examples = [display for display in self.displays(section) if "ioctl(fd" in display]
                self.assertEqual(len(examples), 0 if "DATAFD" in name else 1, name)
                for example in examples:
                    self.compile(directory, name, example)

    def compile(self, directory, name, example):
        source = os.path.join(directory, "example.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <err.h>\n#include <stdbool.h>\n#include <stdio.h>\n"
                       "#include <string.h>\n#include <sys/ioctl.h>\n#include <unistd.h>\n"
                       "#include <swtpm_ptm.h>\n"
                       f"void example(int fd);\nvoid example(int fd)\n{{\n{example}}}\n")
        done = subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror",
                               "-Wno-unused-variable", "-D_GNU_SOURCE",
                               "-I", os.path.dirname(HEADER), "-c", source,
                               "-o", os.path.join(directory, "example.o")],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")


if __name__ == "__main__":
    unittest.main()
