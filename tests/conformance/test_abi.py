# SPDX-License-Identifier: BSD-3-Clause
"""The promise of swtpm_plugin.h: plugins built with a released header go on working, and what is in
it does not change while its number stays (tests/abi/NUMBER/swtpm_plugin.h).  Ops may be appended."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import daemon
from programs import TREE, ours, run
from ptm import Control
from tpm2 import Tpm2

ABI = os.path.join(TREE, "tests/abi")
TODAY = os.path.join(TREE, "core/include/swtpm_plugin.h")
TEMPLATE = os.path.join(TREE, "tests/plugins/storage-mem.c")

# Bits of abidiff's exit status.
ABIDIFF_ERROR = 1 | 2


def is_for(variant):
    return None if variant == "release" else "headers are the same in each variant"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def number_of(header):
    return int(re.search(r"^#define SWTPM_PLUGIN_ABI UINT32_C\((\d+)\)", read(header),
                         re.MULTILINE)[1])


def frozen(number):
    return os.path.join(ABI, str(number), "swtpm_plugin.h")


def macros(header):
    """{name: text}, blanks evened out."""
    output = subprocess.run(["cc", "-E", "-dM", "-x", "c", header], capture_output=True, text=True,
                            check=True).stdout
    return {name: " ".join(text.split()) for name, text in
            re.findall(r"^#define (SWTPM_\w+)[ \n](.*)$", output, re.MULTILINE)
            if not name.endswith("_H")}


# All that abidiff may say of a type, by leaf changes: it grew, by members behind its old end.
GROWTH = re.compile(r"""'struct swtpm_(?:storage|crypto)_ops at [^']*' changed:
  type size changed from (\d+) to \d+ \(in bits\)
  \d+ data member insertions?:
((?:    '[^']*', at offset \d+ \(in bits\) at .*\n)+)""")


def only_appends_ops(changes):
    """Whether a report says so, and nothing else."""
    growth = GROWTH.findall(changes)
    for size, members in growth:
        if any(int(offset) < int(size) for offset in re.findall(r"at offset (\d+)", members)):
            return False
    # What remains is the summary.
    return bool(growth) and all(
        re.match(r"Leaf changes |Changed leaf |Removed/Changed/Added .*: 0 .*, 0 .*, 0 ", line)
        for line in GROWTH.sub("", changes).splitlines() if line)


class WithDirectory(unittest.TestCase):
    def setUp(self):
        # Root loads plugins from places that are root's alone.
        place = "/var/lib" if os.geteuid() == 0 else None
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-abi.", dir=place)
        self.addCleanup(shutil.rmtree, self.directory)

    def compile(self, name, source, header):
        path = os.path.join(self.directory, name)
        subprocess.run(["cc", "-g", "-shared", "-fPIC", "-Wl,-z,relro,-z,now", "-I",
                        os.path.dirname(header), "-o", path, source], check=True)
        return path


class FrozenHeaders(WithDirectory):
    def difference(self, old, new):
        """What abidiff says of the interfaces of two headers; None if the new one is the same, or
        has more ops at the end."""
        source = os.path.join(ABI, "abi.c")
        libraries = [self.compile("old.so", source, old), self.compile("new.so", source, new)]
        changes = self.abidiff("--leaf-changes-only", *libraries)
        return None if only_appends_ops(changes) else self.abidiff(*libraries) or changes or None

    def abidiff(self, *arguments):
        """Its report, which is empty if there is no difference."""
        done = subprocess.run(["abidiff", "--harmless", *arguments], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode & ABIDIFF_ERROR, 0, done.stderr)
        return done.stdout if done.returncode else ""

    def test_the_header_of_todays_number_is_kept(self):
        self.assertTrue(os.path.exists(frozen(number_of(TODAY))),
                        "the number moved: keep the header of the release under tests/abi")

    def test_the_interface_is_that_of_its_number(self):
        difference = self.difference(frozen(number_of(TODAY)), TODAY)
        self.assertIsNone(difference, "the interface changed and its number did not:\n"
                                      f"{difference}")

    def test_the_constants_are_those_of_their_number(self):
        self.assertEqual(macros(TODAY), macros(frozen(number_of(TODAY))))

    def test_each_kept_header_has_its_own_number(self):
        numbers = [int(name) for name in os.listdir(ABI) if name.isdigit()]
        self.assertGreater(len(numbers), 0)
        for number in numbers:
            self.assertEqual(number_of(frozen(number)), number)

    def changed(self, *changes):
        """Today's header with other text in the place of some."""
        text = read(TODAY)
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        path = os.path.join(self.directory, "swtpm_plugin.h")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    LAST_OP = ("                       struct swtpm_plugin_error *error);\n};\n")
    APPENDED = (LAST_OP, LAST_OP[:-3] + "    int (*later)(struct swtpm_storage *storage);\n};\n")

    def test_ops_may_be_appended(self):
        self.assertIsNone(self.difference(TODAY, self.changed(self.APPENDED)))

    def test_what_comes_with_an_appended_op_would_be_noticed(self):
        close = "    void (*close)(struct swtpm_storage *storage);\n"
        capabilities = "    uint64_t capabilities;\n"
        for change in ((close, ""),
                       (close, close.replace("void", "int")),
                       (close, close.replace(" *storage", " *storage, int now")),
                       (capabilities, "    uint32_t capabilities;\n"),
                       (capabilities, capabilities + "    int (*first)(void);\n"),
                       (close, close + "    int (*reset)(struct swtpm_storage *storage);\n"),
                       ("    uint32_t mode;\n", "")):
            with self.subTest(change):
                self.assertIsNotNone(self.difference(TODAY, self.changed(self.APPENDED, change)))

    def test_changes_would_be_noticed(self):
        for old, new in (
                ("    uint32_t abi;\n", "    uint64_t abi;\n"),
                ("SWTPM_PLUGIN_BUSY = -3", "SWTPM_PLUGIN_BUSY = -13"),
                ("SWTPM_AES_256 = 2", "SWTPM_AES_256 = 2, SWTPM_AES_192 = 3"),
                ("    uint32_t mode;\n", ""),
                ("SWTPM_PLUGIN_ERROR_SIZE 512", "SWTPM_PLUGIN_ERROR_SIZE 1024"),
                ("    void (*close)(struct swtpm_storage *storage);",
                 "    int (*close)(struct swtpm_storage *storage);"),
                ("    union swtpm_plugin_ops ops;\n",
                 "    union swtpm_plugin_ops ops;\n    const char *more;\n")):
            with self.subTest(new):
                self.assertIsNotNone(self.difference(TODAY, self.changed((old, new))))

    def test_changed_constants_would_be_noticed(self):
        changed = self.changed(("SWTPM_STORAGE_NAME_MAX 63", "SWTPM_STORAGE_NAME_MAX 64"))
        self.assertNotEqual(macros(changed), macros(TODAY))


class OldPlugins(WithDirectory):
    """Built with each header that today's core promises to load: its own and the one before."""

    def plugins(self):
        for number in number_of(TODAY), number_of(TODAY) - 1:
            if os.path.exists(frozen(number)):
                yield number, self.compile("storage-mem.so", TEMPLATE, frozen(number))

    def test_they_serve_a_tpm(self):
        served_numbers = []
        for number, plugin in self.plugins():
            with daemon.Daemon(storage_uri="mem://x", storage_options=",fsync=false,lock=false",
                               environment={"SWTPM_PLUGIN_DIR": os.path.dirname(plugin)}) as served:
                with served.open() as file:
                    self.assertEqual(Control(file).init(), 0)
                    tpm = Tpm2(file)
                    tpm.startup()
                    self.assertEqual(len(tpm.get_random(16)), 16)
            served_numbers.append(number)
        self.assertIn(number_of(TODAY), served_numbers)

    def test_they_pass_the_behavioural_checks(self):
        for _, plugin in self.plugins():
            done = run(ours("swtpm-plugin-check"), "--only", "S[2-6][0-9]", plugin, timeout=300)
            self.assertEqual(done.returncode, 0, done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
