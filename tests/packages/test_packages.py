# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages: built from a clean copy of the tree, looked into, held against Debian's policy
by lintian, and installed in the virtual machine (installed/test_installed.py).  They and what
dpkg-buildpackage said stay in build/packages."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = os.path.join(TREE, "build/packages")
SOURCE = os.path.join(PACKAGES, "source")
LOG = os.path.join(PACKAGES, "dpkg-buildpackage.log")

MAIN, LMDB, GNUTLS, TOOLS, DEV = (f"swtpm-cuse{suffix}" for suffix in (
    "", "-storage-lmdb", "-crypto-gnutls", "-tools", "-dev"))

CONTENTS = {
    MAIN: {
        "/etc/swtpm-cuse/",
        "/usr/bin/swtpm_cuse",
        "/usr/lib/modules-load.d/swtpm-cuse.conf",
        "/usr/lib/swtpm-cuse/storage-dir.so",
        "/usr/lib/swtpm-cuse/storage-file.so",
        "/usr/lib/systemd/system/swtpm-cuse@.service",
        "/usr/share/bash-completion/completions/swtpm_cuse",
        "/usr/share/man/man4/swtpm-ptm.4.gz",
        "/usr/share/man/man8/swtpm_cuse.8.gz",
        "/usr/share/zsh/vendor-completions/_swtpm_cuse"},
    LMDB: {
        "/usr/lib/swtpm-cuse/storage-lmdb.so",
        "/usr/share/man/man7/swtpm-storage-lmdb.7.gz"},
    GNUTLS: {
        "/usr/lib/swtpm-cuse/crypto-gnutls.so"},
    TOOLS: {
        "/usr/bin/swtpm-state",
        "/usr/bin/swtpm_bios",
        "/usr/bin/swtpm_ioctl",
        "/usr/share/bash-completion/completions/swtpm_bios",
        "/usr/share/bash-completion/completions/swtpm_ioctl",
        "/usr/share/bash-completion/completions/swtpm-state",
        "/usr/share/man/man8/swtpm-state.8.gz",
        "/usr/share/man/man8/swtpm_bios.8.gz",
        "/usr/share/man/man8/swtpm_ioctl.8.gz",
        "/usr/share/zsh/vendor-completions/_swtpm_bios",
        "/usr/share/zsh/vendor-completions/_swtpm_ioctl",
        "/usr/share/zsh/vendor-completions/_swtpm-state"},
    DEV: {
        "/usr/bin/swtpm-plugin-check",
        "/usr/include/swtpm_plugin.h",
        "/usr/include/swtpm_ptm.h",
        "/usr/share/bash-completion/completions/swtpm-plugin-check",
        "/usr/share/man/man1/swtpm-plugin-check.1.gz",
        "/usr/share/man/man3/swtpm-plugin.3.gz",
        "/usr/share/pkgconfig/swtpm-plugin.pc",
        "/usr/share/zsh/vendor-completions/_swtpm-plugin-check"},
}
DOCUMENTS = {
    MAIN: "state-format.md",
    DEV: "plugin-guide.md",
}


def run(*command, **options):
    """Returns what subprocess.run returns; standard error is in the standard output."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def text_of(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def export_tree():
    """What a fresh clone would have: the files of the tree as they are, and nothing built."""
    shutil.rmtree(PACKAGES, ignore_errors=True)
    os.makedirs(PACKAGES)
    ignored = {os.path.join(TREE, name) for name in (".git", "build", "state")}
    shutil.copytree(TREE, SOURCE, symlinks=True,
                    ignore=lambda directory, names: [
                        name for name in names
                        if name == "__pycache__" or os.path.join(directory, name) in ignored])


def build():
    """Without the unit tests, which are suites of their own."""
    environment = {**os.environ, "DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count()}"}
    for name in ("CC", "CFLAGS", "LDFLAGS", "PREFIX", "PKG_CONFIG"):
        environment.pop(name, None)
    with open(LOG, "wb") as log:
        status = subprocess.run(["dpkg-buildpackage", "-b", "-us", "-uc"], cwd=SOURCE,
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env=environment).returncode
    if status != 0:
        last_lines = text_of(LOG).splitlines()[-40:]
        raise AssertionError(f"dpkg-buildpackage: exit {status}\n" + "\n".join(last_lines))


def changelog(field):
    return must("dpkg-parsechangelog", "--show-field", field, cwd=TREE).strip()


def plugin_abi():
    return re.search(r"^#define SWTPM_PLUGIN_ABI UINT32_C\((\d+)\)$",
                     text_of("core/include/swtpm_plugin.h"), re.MULTILINE)[1]


def package_file(package):
    architecture = must("dpkg", "--print-architecture").strip()
    return os.path.join(PACKAGES, f"{package}_{changelog('Version')}_{architecture}.deb")


def entries(package):
    """[(mode, owner, path), …] of files and directories."""
    return [(words[0], words[1], words[5].removeprefix("."))
            for words in map(str.split, must("dpkg-deb", "-c", package_file(package)).splitlines())]


def fields(package, name):
    """The parts of a field that lists things."""
    return must("dpkg-deb", "-f", package_file(package), name).strip().split(", ")


class Description(unittest.TestCase):
    """What debian/ repeats of the tree."""

    def test_the_changelog_is_at_the_version_of_the_build(self):
        version = re.search(r"^version = (.*)$", text_of("build.ninja"), re.MULTILINE)[1]
        self.assertEqual(changelog("Version"), version)

    def test_what_the_build_needs_is_named(self):
        essential = {"gcc", "libc6-dev"}
        wanted = set(re.findall(r"^[a-z].*$", text_of("tests/dependencies/build.list"),
                                re.MULTILINE)) - essential
        named = re.search(r"^Build-Depends: ((?:.*\n)(?: .*\n)*)", text_of("debian/control"),
                          re.MULTILINE)[1]
        self.assertEqual(wanted - set(re.findall(r"[a-z][a-z0-9+-]+", named)), set())
        must("dpkg-checkbuilddeps", cwd=TREE)


class Rules(unittest.TestCase):

    def gencontrol(self, header):
        """What `debian/rules` would run for the control files of a tree with that header."""
        with tempfile.TemporaryDirectory() as tree:
            os.makedirs(f"{tree}/core/include")
            with open(f"{tree}/core/include/swtpm_plugin.h", "w", encoding="utf-8") as file:
                file.write(header)
            return run("make", "-n", "-f", os.path.join(TREE, "debian/rules"),
                       "override_dh_gencontrol", cwd=tree)

    def test_the_number_of_the_abi_is_that_of_the_header(self):
        done = self.gencontrol(text_of("core/include/swtpm_plugin.h"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"-Vplugin:ABI=swtpm-cuse-plugin-abi-{plugin_abi()}\n", done.stdout)

    def test_a_number_that_is_not_found_ends_the_build(self):
        for header in "", "#define SWTPM_PLUGIN_ABI 1\n", "#define SWTPM_PLUGIN_ABI UINT32_C()\n":
            done = self.gencontrol(header)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("core/include/swtpm_plugin.h does not say SWTPM_PLUGIN_ABI", done.stdout)


class Packages(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        export_tree()
        build()

    def test_each_file_is_in_the_package_it_belongs_to(self):
        for package, expected in CONTENTS.items():
            with self.subTest(package):
                paths = {path for _, _, path in entries(package)
                         if not path.startswith("/usr/share/doc/")
                         and (path == "/etc/swtpm-cuse/" or not path.endswith("/"))}
                self.assertEqual(paths, expected)

    def test_each_has_its_licence_and_documents(self):
        for package in CONTENTS:
            directory = f"/usr/share/doc/{package}"
            paths = {path.removesuffix(".gz") for _, _, path in entries(package)}
            with self.subTest(package):
                self.assertIn(f"{directory}/copyright", paths)
                self.assertIn(f"{directory}/{DOCUMENTS.get(package, 'changelog')}", paths)
        self.assertIn(f"/usr/share/doc/{DEV}/examples/storage-mem.c",
                      {path.removesuffix(".gz") for _, _, path in entries(DEV)})

    def test_plugins_can_be_trusted_by_root(self):
        for package in (MAIN, LMDB, GNUTLS):
            for mode, owner, path in entries(package):
                if path.startswith("/usr/lib/swtpm-cuse/"):
                    with self.subTest(path):
                        self.assertEqual(owner, "root/root")
                        self.assertEqual(mode, "drwxr-xr-x" if path.endswith("/") else "-rw-r--r--")

    def test_plugin_packages_depend_on_the_abi_and_not_on_a_version(self):
        abi = f"swtpm-cuse-plugin-abi-{plugin_abi()}"
        self.assertEqual(fields(MAIN, "Provides"), [abi])
        for package in (LMDB, GNUTLS):
            with self.subTest(package):
                depends = fields(package, "Depends")
                self.assertIn(abi, depends)
                self.assertEqual([name for name in depends if name.startswith(MAIN)], [abi])

    def test_libraries_come_with_the_package_that_uses_them(self):
        users = {"liblmdb0": {LMDB}, "libgnutls30": {GNUTLS}, "libfuse3-3": {MAIN},
                 "libtpms0": {MAIN}}
        for library, expected in users.items():
            with self.subTest(library):
                self.assertEqual({package for package in CONTENTS
                                  if any(name.split()[0] == library
                                         for name in fields(package, "Depends"))}, expected)

    def test_lintian_finds_neither_errors_nor_warnings(self):
        changes = [name for name in os.listdir(PACKAGES) if name.endswith(".changes")]
        self.assertEqual(len(changes), 1)
        done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                   os.path.join(PACKAGES, changes[0]))
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_they_work_when_installed(self):
        done = run("tests/vm/run", "-t", "900", "tests/run-python", "-v", "release",
                   "tests/packages/installed", cwd=TREE)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"(?m)^[1-9]\d* passed, 0 failed, 0 skipped$")


if __name__ == "__main__":
    unittest.main()
