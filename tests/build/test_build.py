# SPDX-License-Identifier: BSD-3-Clause
"""The build does what is needed and nothing else.  It runs in a copy of the tree and of what has
been built, so that little is left to compile."""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What the tests do not use, and other suites may change while it is copied.
NOT_COPIED = ("vm", "asan", "tsan", "coverage", "fuzz", "bench", "check", "packages", "*.[0-9]*")
INCLUDE_DIRECTORIES = ["core", "core/include"]


def copy_of_the_tree():
    """Times of modification are kept: to ninja the copy is as up to date as the original."""
    copy = tempfile.mkdtemp(prefix="build-test.")
    for name in os.listdir(TREE):
        source = os.path.join(TREE, name)
        if name in (".git", "state"):
            continue
        if os.path.isdir(source):
            ignore = shutil.ignore_patterns(*NOT_COPIED) if name == "build" else None
            shutil.copytree(source, os.path.join(copy, name), symlinks=True, ignore=ignore)
        else:
            shutil.copy2(source, copy)
    return copy


def included_headers(path, root):
    """The headers of the tree that a file includes by itself."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        names = re.findall(r'^#include "(.*)"', file.read(), re.MULTILINE)
    for name in names:
        for directory in [os.path.dirname(path), *INCLUDE_DIRECTORIES]:
            header = os.path.normpath(os.path.join(directory, name))
            if os.path.exists(os.path.join(root, header)):
                yield header


def depends_on(path, header, root, seen):
    """Whether a file includes the header, directly or through others."""
    if path in seen:
        return False
    seen.add(path)
    return any(included == header or depends_on(included, header, root, seen)
               for included in included_headers(path, root))


class Build(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.root = copy_of_the_tree()
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.run_ninja(cls)

    def run_ninja(self, *arguments, **environment):
        done = subprocess.run(["ninja", *arguments], cwd=self.root, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, **environment})
        if done.returncode != 0:
            raise AssertionError(done.stdout[-4000:])
        return done.stdout

    def made(self, **environment):
        """What one run of ninja compiles and what it links, without the build directory."""
        output = self.run_ninja("release", **environment)
        found = [re.findall(rf"^\[\d+/\d+\] (?:{step}) build/release/(.*)$", output, re.MULTILINE)
                 for step in ("CC", "LINK|PLUGIN")]
        return [sorted(names) for names in found]

    def compiled(self, **environment):
        return self.made(**environment)[0]

    def sources(self):
        """The source of each object that the release variant consists of."""
        inputs = set(self.run_ninja("-t", "inputs", "release").split())
        edges = json.loads(self.run_ninja("-t", "compdb", "cc", "cc_plugin"))
        return {edge["output"].removeprefix("build/release/"): edge["file"] for edge in edges
                if edge["output"] in inputs}

    def all_objects(self):
        return sorted(self.sources())

    def append_comment(self, path):
        with open(os.path.join(self.root, path), "a", encoding="utf-8") as file:
            file.write("/* changed by a test */\n")

    def test_a_second_run_does_nothing_but_look(self):
        self.assertEqual(self.made(), [[], []])

    def test_a_changed_header_rebuilds_its_dependants_only(self):
        for header in ("core/util/big_endian.h", "core/include/swtpm_plugin.h"):
            expected = sorted(name for name, source in self.sources().items()
                              if depends_on(source, header, self.root, set()))
            self.append_comment(header)
            with self.subTest(header):
                self.assertNotEqual(expected, [])
                self.assertLess(len(expected), len(self.all_objects()))
                self.assertEqual(self.compiled(), expected)
                self.assertEqual(self.compiled(), [])

    def test_a_changed_source_compiles_alone(self):
        self.append_comment("core/util/buffer.c")
        self.assertEqual(self.compiled(), ["core/util/buffer.o"])

    def test_changed_compiler_flags_rebuild_everything_once(self):
        flags = {"CFLAGS": "-O0 -Wp,-D_FORTIFY_SOURCE=3"}
        self.assertEqual(self.compiled(**flags), self.all_objects())
        self.assertEqual(self.compiled(**flags), [])
        self.assertEqual(self.compiled(), self.all_objects())

    def test_changed_linker_flags_link_and_compile_nothing(self):
        compiled, linked = self.made(LDFLAGS="-Wl,--build-id=none")
        self.assertEqual(compiled, [])
        self.assertIn("core/swtpm_cuse", linked)
        self.assertIn("plugins/storage-dir.so", linked)
        self.assertEqual(self.made(), [[], linked])

    def test_a_changed_prefix_rebuilds_what_holds_it_only(self):
        compiled = self.compiled(PREFIX="/opt/swtpm")
        self.assertNotEqual(compiled, [])
        self.assertLess(len(compiled), len(self.all_objects()) / 4)
        self.assertEqual(self.compiled(), compiled)

    def install(self):
        """Runs `ninja install` as a packager does; returns the path and mode of each file."""
        with tempfile.TemporaryDirectory() as destination:
            self.run_ninja("install", DESTDIR=destination, PREFIX="/opt/swtpm")
            paths = [os.path.join(directory, name)
                     for directory, _, names in os.walk(destination) for name in names]
            return {path.removeprefix(destination): stat.S_IMODE(os.stat(path).st_mode)
                    for path in paths}

    def names_below(self, directory, pattern):
        return sorted(name for name in os.listdir(os.path.join(self.root, directory))
                      if re.fullmatch(pattern, name))

    def installed_names(self, installed, directory):
        return sorted(os.path.basename(path) for path in installed
                      if os.path.dirname(path) == f"/opt/swtpm/{directory}")

    def test_install_puts_each_file_where_it_belongs(self):
        installed = self.install()
        self.assertEqual(installed["/opt/swtpm/bin/swtpm_cuse"], 0o755)
        self.assertEqual(installed["/opt/swtpm/include/swtpm_plugin.h"], 0o644)
        for source, pattern, directory in (
                ("build/release/core", r"swtpm[_-][a-z-]+", "bin"),
                ("build/release/core", r".*\.pc", "lib/pkgconfig"),
                ("build/release/plugins", r".*\.so", "lib/swtpm-cuse"),
                ("core/include", r".*\.h", "include"),
                *(("doc", rf".*\.{section}", f"share/man/man{section}") for section in "13478"),
                ("doc/systemd", r".*\.service", "lib/systemd/system"),
                ("doc/completion", r"_.*", "share/zsh/site-functions")):
            with self.subTest(directory):
                self.assertEqual(self.installed_names(installed, directory),
                                 self.names_below(source, pattern))
        self.assertEqual([path for path in installed if not path.startswith("/opt/swtpm/")], [])

    def test_install_fails_when_a_file_is_missing(self):
        with tempfile.TemporaryDirectory() as destination, \
             tempfile.TemporaryDirectory(dir=os.path.join(self.root, "build")) as empty:
            done = subprocess.run(["sh", "core/install.sh", empty], cwd=self.root,
                                  env={**os.environ, "DESTDIR": destination},
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("swtpm_cuse", done.stderr)


if __name__ == "__main__":
    unittest.main()
