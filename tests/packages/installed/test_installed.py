# SPDX-License-Identifier: BSD-3-Clause
"""The packages of build/packages as a user has them: installed, used, removed.  Runs as root in the
virtual machine, whose root file system is thrown away, and where Debian's swtpm-tools is installed."""

import contextlib
import glob
import json
import os
import re
import stat
import subprocess
import tempfile
import unittest

TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PACKAGES = os.path.join(TREE, "build/packages")
LMDB = "swtpm-cuse-storage-lmdb"
OTHERS = ("swtpm-cuse", "swtpm-cuse-crypto-gnutls", "swtpm-cuse-tools", "swtpm-cuse-dev")
STATE = "/var/lib/swtpm-cuse"

# Nothing of /usr/local, where this project may be installed as well.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
               "PKG_CONFIG_LIBDIR": "/usr/share/pkgconfig", "LC_ALL": "C.UTF-8", "HOME": "/root"}


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def must(*command):
    done = run(*command)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def archives(*packages):
    return [path for package in packages for path in glob.glob(f"{PACKAGES}/{package}_*.deb")]


def install(*packages):
    must("dpkg", "-i", *archives(*packages))


def purge(*packages):
    must("dpkg", "--purge", *packages)


def setUpModule():
    # Here it would take minutes to index all manual pages after each installation.
    with contextlib.suppress(FileNotFoundError):
        os.remove("/var/lib/man-db/auto-update")


def touched_directories(*packages):
    """The directories in which the packages have files, as far as they are there."""
    directories = {os.path.dirname(line.split()[5].removeprefix(".").rstrip("/"))
                   for archive in archives(*packages)
                   for line in must("dpkg-deb", "-c", archive).splitlines()}
    return [directory for directory in sorted(directories) if os.path.isdir(directory)]


def listing(directories):
    return {os.path.join(directory, name)
            for directory in directories for name in os.listdir(directory)}


def is_ours(program):
    """Whether the program is that of this project, by the package that dpkg says it is from."""
    return re.search(r"swtpm-cuse-tools: ", must("dpkg", "-S", program)) is not None


def schemes():
    """The schemes of storage that --print-plugins lists and that --print-capabilities offers."""
    plugins = json.loads(must("swtpm_cuse", "--print-plugins"))["plugins"]
    features = json.loads(must("swtpm_cuse", "--print-capabilities"))["features"]
    prefix = "nvram-backend-"
    return ({plugin["name"] for plugin in plugins if plugin["kind"] == "storage"},
            {name.removeprefix(prefix) for name in features if name.startswith(prefix)})


@contextlib.contextmanager
def tpm(name, storage, *options):
    """A TPM at /dev/NAME, which the installed tools start up and shut down."""
    device = f"/dev/{name}"
    must("swtpm_cuse", "-n", name, "--tpm2", "--tpmstate", storage, *options)
    try:
        must("swtpm_ioctl", "--tpm-device", device, "-i")
        must("swtpm_bios", "--tpm2", "--tpm-device", device)
        yield device
    finally:
        must("swtpm_ioctl", "--tpm-device", device, "-s")


class Installed(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        install(*OTHERS)
        cls.addClassCleanup(purge, *OTHERS)

    def directory(self):
        directory = tempfile.TemporaryDirectory(dir="/root")
        self.addCleanup(directory.cleanup)
        return directory.name

    def serves_random_bytes(self, device):
        self.assertTrue(stat.S_ISCHR(os.stat(device).st_mode))
        random = must("tpm2_getrandom", "-T", f"device:{device}", "--hex", "8")
        self.assertRegex(random, "^[0-9a-f]{16}$")

    def test_a_scheme_comes_and_goes_with_its_package(self):
        without = {"dir", "file"}
        self.assertEqual(schemes(), (without, without))
        install(LMDB)
        self.addCleanup(purge, LMDB)
        self.assertEqual(schemes(), (without | {"lmdb"}, without | {"lmdb"}))
        with tpm("vtpm-lmdb", f"backend-uri=lmdb://{self.directory()}/env?tpm=a") as device:
            self.serves_random_bytes(device)
        must("dpkg", "--remove", LMDB)
        self.assertEqual(schemes(), (without, without))

    def test_the_daemon_serves_an_encrypted_tpm(self):
        directory = self.directory()
        with open(f"{directory}/key", "w", encoding="ascii") as key:
            key.write("00112233445566778899aabbccddeeff" * 2)
        os.mkdir(f"{directory}/state")
        key = f"file={directory}/key,format=hex,mode=aes-256-cbc"
        with tpm("vtpm-key", f"dir={directory}/state", "--key", key) as device:
            self.serves_random_bytes(device)
        must("swtpm-state", "verify", "--tpm2", "--tpmstate", f"dir={directory}/state",
             "--key", key)

    def test_the_commands_of_swtpm_tools_make_room(self):
        for name in ("swtpm_ioctl", "swtpm_bios"):
            with self.subTest(name):
                self.assertTrue(is_ours(f"/usr/bin/{name}"))
                self.assertTrue(os.path.exists(f"/usr/bin/{name}.swtpm-tools"))
                self.assertTrue(os.path.exists(f"/usr/share/man/man8/{name}.swtpm-tools.8.gz"))
        self.assertTrue(os.path.exists("/usr/bin/swtpm_setup"))

    def test_the_unit_is_found_and_correct(self):
        self.assertEqual(must("systemd-analyze", "verify", "--man=no", "swtpm-cuse@vtpm.service"), "")

    def test_an_author_builds_a_plugin_from_the_packages(self):
        directory = self.directory()
        flags = must("pkg-config", "--cflags", "swtpm-plugin").split()
        plugins = must("pkg-config", "--variable=plugindir", "swtpm-plugin").strip()
        self.assertEqual(plugins, "/usr/lib/swtpm-cuse")
        plugin = f"{directory}/storage-mem.so"
        must("cc", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs,-z,relro,-z,now", *flags,
             "-o", plugin, "/usr/share/doc/swtpm-cuse-dev/examples/storage-mem.c")
        must("swtpm-plugin-check", "--only", "S1", plugin)


class Removed(unittest.TestCase):

    def test_nothing_stays_but_state(self):
        directories = touched_directories(*OTHERS, LMDB) + ["/etc/systemd/system"]
        before = listing(directories)
        install(*OTHERS, LMDB)
        self.assertTrue(os.path.exists("/usr/bin/swtpm_cuse"))
        state = f"{STATE}/vtpm-kept"
        os.makedirs(state)
        with tpm("vtpm-kept", f"dir={state}"):
            pass
        self.assertTrue(os.path.exists(f"{state}/tpm2-00.permall"))
        kept = listing([STATE, state])
        purge(*OTHERS, LMDB)
        self.assertEqual(listing(directories) ^ before, set())
        self.assertEqual(listing([STATE, state]), kept)
        self.assertEqual(must("dpkg-divert", "--list", "*swtpm*"), "")
        self.assertFalse(is_ours("/usr/bin/swtpm_ioctl"))


if __name__ == "__main__":
    unittest.main()
