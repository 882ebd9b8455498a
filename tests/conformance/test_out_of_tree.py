# SPDX-License-Identifier: BSD-3-Clause
"""An author of a plugin, who has what `ninja install` installs and nothing of the tree: one C file,
one cc command, the check, and a TPM that keeps its state in the new plugin."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import daemon
from programs import NINJA, TREE
from ptm import Control
from tpm2 import Tpm2

TEMPLATE = os.path.join(TREE, "tests/plugins/storage-mem.c")


def is_for(variant):
    return None if variant == "release" else "what is installed is the release variant"


def run(command, **keywords):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False,
                          **keywords)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def command_of_template():
    """The cc command that the template tells in its first comment."""
    with open(TEMPLATE, encoding="utf-8") as source:
        comment = source.read().split("#include")[0]
    found = re.search(r"^ \* +(cc .*?[^\\])$", comment, re.MULTILINE | re.DOTALL)
    return re.sub(r"\\\n \* +", "", found[1])


class OutOfTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Root loads plugins from places that are root's alone, so not from /tmp.
        place = "/var/lib" if os.geteuid() == 0 else None
        cls.root = tempfile.mkdtemp(prefix="swtpm-cuse-author.", dir=place)
        cls.addClassCleanup(shutil.rmtree, cls.root)
        os.chmod(cls.root, 0o755)
        with open(os.path.join(TREE, "build/cfg/prefix"), encoding="ascii") as file:
            cls.prefix = file.read().strip()
        cls.installed = os.path.join(cls.root, "installed")
        run([*NINJA, "install"], cwd=TREE,
            env={**os.environ, "DESTDIR": cls.installed, "PREFIX": cls.prefix})
        cls.environment = {
            **os.environ,
            "PKG_CONFIG_LIBDIR": f"{cls.installed}{cls.prefix}/lib/pkgconfig",
            "PKG_CONFIG_SYSROOT_DIR": cls.installed,
        }
        cls.plugins = cls.installed + run(
            ["pkg-config", "--variable=plugindir", "swtpm-plugin"],
            env={**cls.environment, "PKG_CONFIG_SYSROOT_DIR": ""}).strip()
        cls.workshop = os.path.join(cls.root, "workshop")
        os.mkdir(cls.workshop)
        cls.plugin = cls.build()

    @classmethod
    def program(cls, name):
        return f"{cls.installed}{cls.prefix}/bin/{name}"

    @classmethod
    def build(cls):
        """The template under another name, with the command that it tells."""
        with open(TEMPLATE, encoding="utf-8") as source:
            text = source.read()
        with open(os.path.join(cls.workshop, "storage-mine.c"), "w", encoding="utf-8") as copy:
            copy.write(text.replace('.name = "mem"', '.name = "mine"'))
        run(command_of_template().replace("storage-mem", "storage-mine"), shell=True,
            cwd=cls.workshop, env=cls.environment)
        return os.path.join(cls.workshop, "storage-mine.so")

    def test_the_directory_has_one_source_file_only(self):
        self.assertEqual(sorted(os.listdir(self.workshop)), ["storage-mine.c", "storage-mine.so"])
        self.assertEqual(glob.glob(f"{self.installed}/**/*.c", recursive=True), [])

    def test_the_check_passes(self):
        output = run([self.program("swtpm-plugin-check"), "--seccomp", self.plugin])
        self.assertIn(" 0 failed,", output)

    def test_a_tpm_keeps_its_state_in_it(self):
        shutil.copy(self.plugin, self.plugins)
        self.addCleanup(os.remove, os.path.join(self.plugins, "storage-mine.so"))
        listing = run([self.program("swtpm_cuse"), "--plugin-dir", self.plugins,
                       "--print-plugins"])
        self.assertIn('"name": "mine"', listing)
        with mock.patch.object(daemon, "PROGRAM", self.program("swtpm_cuse")), \
             daemon.Daemon(storage_uri="mine://x", plugin_directory=self.plugins,
                           storage_options=",fsync=false,lock=false") as served:
            with served.open() as file:
                self.assertEqual(Control(file).init(), 0)
                tpm = Tpm2(file)
                tpm.startup()
                self.assertEqual(len(tpm.get_random(16)), 16)

    def test_without_the_file_there_is_no_such_scheme(self):
        listing = run([self.program("swtpm_cuse"), "--plugin-dir", self.plugins,
                       "--print-plugins"])
        self.assertNotIn('"mine"', listing)
        self.assertIn('"lmdb"', listing)


if __name__ == "__main__":
    unittest.main()
