# SPDX-License-Identifier: BSD-3-Clause
"""A TPM in use moves between two daemons (swtpm_cuse(8), --migration): on one shared state
directory, there and back, cancelled and half done, with and without a migration key."""

import os
import shutil
import tempfile
import unittest

from daemon import Daemon
from fake_kernel import error_of
from guest import Guest2, guest_for
from ptm import Control, ControlError
from store import put

PERMANENT, VOLATILE, SAVESTATE = 1, 2, 3
RETRY = 0x800

def fetch(control):
    """All blobs in the order in which a migration fetches them: {type: (flags, blob)}."""
    blobs = {}
    for kind in (PERMANENT, VOLATILE, SAVESTATE):
        try:
            blobs[kind] = control.get_blob(kind)
        except ControlError as error:
            if error.result != RETRY:
                raise
    return blobs


class Migration:
    """Mixed into one class for each TPM version and kind of key."""

    tpm2 = True
    key = ()

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-test.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.state = os.path.join(self.directory, "state")
        self.key_options = []
        if self.key:
            path = os.path.join(self.directory, "key")
            with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(b"0123456789abcdef")
            self.key_options = [self.key[0], f"file={path},format=binary"]

    def daemon(self, migration):
        return Daemon(tpm2=self.tpm2, state_directory=self.state,
                      options=["--migration", migration] + self.key_options)

    def guest(self, file):
        return guest_for(self.tpm2, file)

    def receive(self, control, blobs):
        """What a hypervisor does at the destination."""
        self.assertEqual(control.stop(), 0)
        for kind, (flags, blob) in blobs.items():
            self.assertEqual(control.set_blob(kind, flags, blob), 0)
        self.assertEqual(control.init(), 0)

    def source(self, stack_daemon):
        file = stack_daemon.open()
        control = Control(file)
        self.assertEqual(control.init(), 0)
        guest = self.guest(file)
        guest.start()
        guest.work(b"before 1")
        return control, guest

    def test_there_and_back(self):
        with self.daemon("release-lock-outgoing") as first, \
                self.daemon("incoming,release-lock-outgoing") as second:
            control, guest = self.source(first)
            traces = guest.traces()
            file = second.open()
            other_control, other = Control(file), self.guest(file)
            self.assertEqual(other_control.init(), 0)

            self.receive(other_control, fetch(control))
            self.assertEqual(other.traces(), traces)
            other.work(b"over the")
            traces = other.traces()

            # Back into the first, which has been stopped meanwhile.
            self.assertEqual(control.stop(), 0)
            self.receive(control, fetch(other_control))
            self.assertEqual(guest.traces(), traces)
            guest.work(b"back now")
            traces = guest.traces()
            self.assertEqual(second.shut_down(), 0)
            self.assertEqual(first.shut_down(), 0)
        with Daemon(tpm2=self.tpm2, state_directory=self.state, options=self.key_options) as third:
            file = third.open()
            self.assertEqual(Control(file).init(), 0)
            guest = self.guest(file)
            guest.tpm.startup()
            self.assertEqual(guest.traces()[0], traces[0])

    def test_an_init_before_the_source_has_let_go_may_be_repeated(self):
        with self.daemon("release-lock-outgoing") as first:
            control, guest = self.source(first)
            traces = guest.traces()
            with self.daemon("incoming") as second:
                file = second.open()
                other_control = Control(file)
                for kind in (PERMANENT, VOLATILE):
                    flags, blob = control.get_blob(kind)
                    self.assertEqual(other_control.set_blob(kind, flags, blob), 0)
                self.assertNotEqual(other_control.init(), 0)
                fetch(control)
                self.assertEqual(other_control.init(), 0)
                self.assertEqual(self.guest(file).traces(), traces)

    def test_a_cancelled_migration_goes_on_at_the_source(self):
        with self.daemon("release-lock-outgoing") as first:
            control, guest = self.source(first)
            with self.daemon("incoming") as second:
                file = second.open()
                other_control = Control(file)
                self.assertEqual(other_control.init(), 0)
                fetch(control)
                second.crash()
            guest.work(b"going on")
            traces = guest.traces()
            self.assertEqual(traces[0], b"going on")
            self.assertEqual(control.lock_storage(), 0)
            self.assertEqual(control.stop(), 0)
            self.assertEqual(control.init(), 0)
            guest.tpm.startup()
            self.assertEqual(guest.traces()[0], traces[0])

    def test_a_source_that_was_overtaken_writes_nothing(self):
        with self.daemon("release-lock-outgoing") as first:
            control, guest = self.source(first)
            with self.daemon("incoming") as second:
                file = second.open()
                other_control, other = Control(file), self.guest(file)
                self.assertEqual(other_control.init(), 0)
                self.receive(other_control, fetch(control))
                other.work(b"overtook")
                self.assertEqual(error_of(guest.file.write, guest.a_write()), "EIO")
                self.assertEqual(second.shut_down(), 0)
            # The lock is free now, but the state is not the one that the source knows.
            self.assertEqual(error_of(guest.file.write, guest.a_write()), "EIO")
            self.assertIn("changed by another process", first.log)
            self.assertNotEqual(control.lock_storage(), 0)
            self.assertEqual(control.init(), 0)
            guest.tpm.startup()
            self.assertEqual(guest.traces()[0], b"overtook")

    def test_the_destination_takes_the_lock_with_its_first_command(self):
        with self.daemon("incoming") as first:
            file = first.open()
            self.assertEqual(Control(file).init(), 0)
            self.guest(file).start()
            with self.daemon("incoming") as second:
                file = second.open()
                self.assertEqual(Control(file).init(), 0)
                self.assertEqual(error_of(file.write, self.guest(file).a_write()), "EIO")
                self.assertIn(str(first.pid), second.log)


class Tpm2Plain(Migration, unittest.TestCase):
    pass


class Tpm2Key(Migration, unittest.TestCase):
    key = ("--migration-key",)


class Tpm12Plain(Migration, unittest.TestCase):
    tpm2 = False


class Tpm12Key(Migration, unittest.TestCase):
    tpm2 = False
    key = ("--migration-key",)


class FromTheBackup(unittest.TestCase):
    """The permanent state is damaged, and two daemons come from its backup one after the other."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-test.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.state = os.path.join(self.directory, "state")
        with self.daemon() as daemon:
            file = daemon.open()
            self.assertEqual(Control(file).init(), 0)
            self.guest = Guest2(file)
            self.guest.start()
            for value in (b"before 1", b"before 2"):
                self.guest.work(value)
            daemon.crash()
        put(self.state, "tpm2-00.permall", b"damaged")

    def daemon(self, migration="incoming,release-lock-outgoing"):
        return Daemon(state_directory=self.state, storage_options=",backup",
                      options=["--migration", migration])

    def started(self, daemon):
        """(control, guest) after INIT, which finds the backup."""
        file = daemon.open()
        self.assertEqual(Control(file).init(), 0)
        self.assertIn("using the backup 'tpm2-00.permall.bak'", daemon.log)
        return Control(file), Guest2(file)

    def overtake(self):
        """Another daemon acknowledges a write and ends."""
        with self.daemon("release-lock-outgoing") as second:
            guest = self.started(second)[1]
            guest.tpm.startup()
            guest.work(b"overtook")

    def check_overtaken(self, daemon, control, guest):
        self.overtake()
        self.assertNotEqual(control.lock_storage(), 0)
        self.assertEqual(error_of(guest.file.write, guest.a_write()), "EIO")
        self.assertIn("changed by another process", daemon.log)
        self.assertEqual(control.init(), 0)
        guest.tpm.startup()
        self.assertEqual(guest.traces()[0], b"overtook")

    def test_who_gave_the_lock_away_does_not_get_it_back(self):
        with self.daemon("release-lock-outgoing") as first:
            control, guest = self.started(first)
            fetch(control)
            self.check_overtaken(first, control, guest)

    def test_who_waits_for_the_lock_does_not_get_it(self):
        with self.daemon() as first:
            self.check_overtaken(first, *self.started(first))

    def test_where_nobody_wrote_the_lock_is_given(self):
        with self.daemon("release-lock-outgoing") as first:
            control, guest = self.started(first)
            fetch(control)
            self.assertEqual(control.lock_storage(), 0)
            guest.tpm.startup()
            guest.work(b"going on")
            self.assertEqual(guest.traces()[0], b"going on")


if __name__ == "__main__":
    unittest.main()
