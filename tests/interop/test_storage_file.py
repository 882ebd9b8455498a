# SPDX-License-Identifier: BSD-3-Clause
"""One file with a TPM's state (backend-uri=file://) goes to and fro between Debian's swtpm and
ours: NV data, the saved state of a TPM 1.2, and the volatile state of a TPM in use."""

import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import guest
import tpm12
import tpm2
from daemon import Daemon
from debian_swtpm import DebianSwtpm, SocketFile
from guest import Guest2, Guest12
from programs import PATIENCE, debians
from ptm import SUCCESS, Control

IOCTL = debians("swtpm_ioctl")
TABLE_SIZE, ENTRIES = 192, 15
PERMALL, VOLATILE, SAVESTATE, EXTENSION = 0, 1, 2, 14


class Work2(Guest2):
    """What a guest does with a TPM 2 whose storage has to grow."""

    prefix = "tpm2-00"

    def grow(self):
        """After a restart, makes the permanent state some kilobytes larger."""
        self.tpm.startup()
        for index in range(guest.INDEX + 1, guest.INDEX + 3):
            self.tpm.run(tpm2.nv_define(index, 1500))
            self.tpm.run(tpm2.nv_write(index, b"g" * 1000))

    def write(self):
        self.tpm.startup()
        self.tpm.run(tpm2.nv_write(guest.INDEX, b"and on.."))

    def read(self):
        self.tpm.startup()
        return self.tpm.nv_read(guest.INDEX, 8)


class Work12(Guest12):
    """The same on a TPM 1.2."""

    prefix = "tpm-00"

    def grow(self):
        self.start_present()
        for index in range(guest.INDEX_12 + 1, guest.INDEX_12 + 3):
            self.tpm.run(tpm12.nv_define(index, 400))
            self.tpm.run(tpm12.nv_write(index, b"g" * 400))

    def write(self):
        self.start_present()
        self.tpm.run(tpm12.nv_write(guest.INDEX_12, b"and on.."))

    def read(self):
        self.start_present()
        return self.tpm.nv_read(guest.INDEX_12, 8)


class SingleFile(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="storage-file.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "state")
        self.uri = f"file://{self.path}"

    def sections(self):
        """{entry: data} of the file."""
        with open(self.path, "rb") as file:
            data = file.read()
        self.assertEqual(data[:12], b"nilmptws\1\0" + struct.pack("<H", TABLE_SIZE))
        entries = struct.iter_unpack("<III", data[12:TABLE_SIZE])
        return {number: data[offset:offset + length]
                for number, (offset, length, _) in enumerate(entries) if offset != 0}

    # What each side does: `use` with a guest; `begins` is false if volatile state lets the TPM go
    # on where it was.  Afterwards the process is killed.

    def in_debians(self, kind, use, keeps_volatile=False):
        with DebianSwtpm(kind is Work2, storage_uri=self.uri) as swtpm:
            self.ioctl(swtpm, "-i")
            with swtpm.command_socket() as socket:
                use(kind(SocketFile(socket)))
                if keeps_volatile:
                    self.ioctl(swtpm, "-v")
                swtpm.kill()

    def in_ours(self, kind, use, keeps_volatile=False, storage_options=""):
        with Daemon(tpm2=kind is Work2, storage_uri=self.uri,
                    storage_options=storage_options) as daemon:
            with daemon.open() as file:
                control = Control(file)
                self.assertEqual(control.init(), SUCCESS, daemon.log)
                use(kind(file))
                if keeps_volatile:
                    self.assertEqual(control.result("STORE_VOLATILE"), SUCCESS)
            daemon.crash()

    def ioctl(self, swtpm, *arguments):
        done = subprocess.run([IOCTL, *swtpm.control_options, *arguments], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), swtpm.log())

    def hand_over(self, kind, first, second):
        """The TPM in use goes on in the other program without noticing, and so on."""
        seen = []

        def begin(user):
            user.start()
            user.work(b"number 0")
            seen.append(user.traces())

        def go_on(user):
            self.assertEqual(user.traces(), seen[-1])
            user.work(b"number %d" % len(seen))
            seen.append(user.traces())

        first(kind, begin, keeps_volatile=True)
        self.assertIn(VOLATILE, self.sections())
        for program in (second, first, second, first):
            program(kind, go_on, keeps_volatile=True)
        self.assertEqual(len(set(seen)), 5)

    def test_a_tpm_2_made_by_debians_goes_on_here(self):
        self.hand_over(Work2, self.in_debians, self.in_ours)

    def test_a_tpm_2_made_here_goes_on_in_debians(self):
        self.hand_over(Work2, self.in_ours, self.in_debians)

    def test_a_tpm_12_made_by_debians_goes_on_here(self):
        self.hand_over(Work12, self.in_debians, self.in_ours)

    def test_a_tpm_12_made_here_goes_on_in_debians(self):
        self.hand_over(Work12, self.in_ours, self.in_debians)

    def suspend(self, first, second):
        """TPM_SaveState in one, TPM_Startup(ST_STATE) in the other."""
        seen = []

        def save(user):
            user.start()
            user.work(b"saved in")
            seen.append(user.traces())
            user.tpm.run(tpm12.save_state())

        def resume(user):
            user.tpm.startup(tpm12.ST_STATE)
            self.assertEqual(user.traces(), seen[-1])

        first(Work12, save)
        self.assertIn(SAVESTATE, self.sections())
        second(Work12, resume)

    def test_a_state_saved_by_debians_is_resumed_here(self):
        self.suspend(self.in_debians, self.in_ours)

    def test_a_state_saved_here_is_resumed_in_debians(self):
        self.suspend(self.in_ours, self.in_debians)

    def backups_survive(self, kind):
        """Debian's moves the sections of the file when one has to grow: our names and backups are
        in them."""
        self.in_ours(kind, kind.start, storage_options=",backup")
        extension = self.sections()[EXTENSION]
        self.assertIn(f"{kind.prefix}.permall.bak".encode(), extension)
        before = len(self.sections()[PERMALL])
        self.in_debians(kind, kind.grow)
        self.assertGreater(len(self.sections()[PERMALL]), before + 500)
        self.assertEqual(self.sections()[EXTENSION], extension)
        self.in_ours(kind, kind.write, storage_options=",backup")
        self.in_debians(kind, lambda user: self.assertEqual(user.read(), b"and on.."))

    def test_backups_survive_what_debians_does_with_a_tpm_2(self):
        self.backups_survive(Work2)

    def test_backups_survive_what_debians_does_with_a_tpm_12(self):
        self.backups_survive(Work12)

    def test_a_file_that_is_something_else_is_refused(self):
        with open(self.path, "wb") as file:
            file.write(b"something else" * 100)
        daemon = Daemon(storage_uri=self.uri)
        self.addCleanup(daemon.discard)
        self.assertNotEqual(daemon.expect_failure(), 0)
        self.assertIn(self.path, daemon.stderr)
        self.assertIn("holds no TPM state", daemon.stderr)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(1400), b"something else" * 100)


class BlockDevice(SingleFile):
    """The same on a block device, which is a loop device."""

    def setUp(self):
        super().setUp()
        self.image = os.path.join(self.directory, "image")
        self.attach(256 * 1024)

    def attach(self, size):
        with open(self.image, "wb") as file:
            file.truncate(size)
        done = subprocess.run(["losetup", "--find", "--show", self.image], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        self.path = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", self.path], check=True)
        self.uri = f"file://{self.path}"

    def test_a_device_that_is_too_small_keeps_what_it_has(self):
        self.attach(8192)
        self.in_ours(Work2, Work2.start)
        with Daemon(storage_uri=self.uri) as daemon, daemon.open() as file:
            self.assertEqual(Control(file).init(), SUCCESS)
            Work2(file).write()
            self.assertNotEqual(Control(file).result("STORE_VOLATILE"), SUCCESS)
            self.assertIn(f"'{self.path}' has no room", daemon.log)
            daemon.crash()
        self.in_debians(Work2, lambda user: self.assertEqual(user.read(), b"and on.."))


if __name__ == "__main__":
    unittest.main()
