# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-plugin(3) says what swtpm_plugin.h says: the same ops, structures and names."""

import os
import re
import unittest

from programs import TREE

TEMPLATE = os.path.join(TREE, "tests/plugins/storage-mem.c")


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def squeezed(text):
    return re.sub(r"\s+", " ", text)


def header_without_comments():
    return re.sub(r" */\*.*?\*/", "", read("core/include/swtpm_plugin.h"), flags=re.DOTALL)


def ops_of_header():
    """{"open": "int (*open)(…)", …}"""
    structures = re.findall(r"^struct swtpm_(?:storage|crypto)_ops \{(.*?)^\};",
                            header_without_comments(), re.MULTILINE | re.DOTALL)
    return {name: squeezed(f"{kind} {name}({arguments})") for structure in structures
            for kind, name, arguments in re.findall(r"(\w+) \(\*(\w+)\)\((.*?)\);", structure,
                                                    re.DOTALL)}


class PluginManual(unittest.TestCase):
    def setUp(self):
        self.source = read("doc/swtpm-plugin.3")

    def section(self, name):
        return self.source.split(f".Sh {name}\n")[1].split("\n.Sh ")[0]

    def displays(self):
        found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", self.source, re.MULTILINE | re.DOTALL)
        return [display.replace(r"\e", "\\") for display in found]

    def ops_of_synopsis(self):
        text = re.sub(r'^\.Fa "(.*)"$', r"\1,", self.section("SYNOPSIS"), flags=re.MULTILINE)
        long_form = re.findall(r"\.Ft (\w+)\n\.Fo (\w+)\n(.*?),\n\.Fc", text, re.DOTALL)
        short_form = [(kind, name, arguments.strip('"').replace('" "', ", "))
                      for kind, name, arguments in re.findall(r"\.Ft (\w+)\n\.Fn (\w+) (.*)", text)]
        return {name: squeezed(f"{kind} {name}({arguments})")
                for kind, name, arguments in long_form + short_form}

    def test_the_ops_are_those_of_the_header(self):
        expected = ops_of_header()
        self.assertEqual(len(expected), 16)
        self.assertEqual(self.ops_of_synopsis(), expected)

    def test_each_op_is_described(self):
        described = re.findall(r"^\.It Fn (\w+)$", self.section("STORAGE OPS") +
                               self.section("CRYPTO OPS"), re.MULTILINE)
        self.assertEqual(described, list(ops_of_header()))

    def test_structures_are_those_of_the_header(self):
        lines = [line for line in header_without_comments().splitlines() if line.strip()]
        header = "\n".join(lines)
        shown = [structure for display in self.displays() if display.startswith("struct ")
                 for structure in display.strip().split("\n\n")]
        self.assertEqual(len(shown), 4)
        for structure in shown:
            self.assertIn(structure, header)

    def test_all_results_are_explained(self):
        results = re.findall(r"^    (SWTPM_PLUGIN_\w+) = -", read("core/include/swtpm_plugin.h"),
                             re.MULTILINE)
        self.assertEqual(re.findall(r"^\.It Dv (\w+)$", self.section("ERRORS"), re.MULTILINE),
                         results)

    def test_it_names_nothing_that_the_header_has_not(self):
        named = set(re.findall(r"\bSWTPM_[A-Z0-9_]+\b", self.source)) - {"SWTPM_PLUGIN_DIR"}
        known = set(re.findall(r"\bSWTPM_[A-Z0-9_]+\b", header_without_comments()))
        self.assertEqual(named - known, set())
        constants = {name for name in known if re.match(r"SWTPM_(STORAGE|PATH|AES|SHA)", name)}
        sizes_in_bytes = {"SWTPM_STORAGE_NAME_MAX", "SWTPM_AES_BLOCK_SIZE"}
        self.assertEqual(constants - named, sizes_in_bytes)

    def test_it_builds_the_template_as_the_template_says(self):
        comment = re.sub(r"^ \*", "", read(TEMPLATE).split("#include")[0], flags=re.MULTILINE)
        command = re.search(r"^ +(cc .*?\.c)$", comment, re.MULTILINE | re.DOTALL)[1]
        shown = " ".join(self.displays())
        self.assertIn(squeezed(command), squeezed(shown))


if __name__ == "__main__":
    unittest.main()
