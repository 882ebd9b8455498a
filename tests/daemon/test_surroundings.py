# SPDX-License-Identifier: BSD-3-Clause
"""A full or read-only file system, and state that others change while the daemon runs.

No store that failed is answered as if it had not, the old state stays, and the log says what to do.
"""

import os
import shutil
import subprocess

import tpm2
from daemon import IS_SANITIZED, Daemon
from ptm import SUCCESS, TPM_FAIL, VOLATILE, Control, ControlError
from store import STORAGE, only_for, put, stored
from tpm_test import TpmTest

INDEX = 0x1500000
SIZE = 1000
PERMANENT = "tpm2-00.permall"

# LMDB's table of readers alone has 256 KiB.
DISK_SIZE = "1m" if STORAGE == "lmdb" else "128k"


def value(digit):
    return bytes([digit]) * SIZE


def state_file(state):
    """The file that holds the permanent state."""
    if STORAGE == "file":
        return state
    return os.path.join(state, "data.mdb" if STORAGE == "lmdb" else PERMANENT)


class Surroundings(TpmTest):
    def start_with_index(self, **parameters):
        """A TPM with value(1) in its first index."""
        self.daemon, self.file, self.client = self.start_running(**parameters)
        self.control = Control(self.file)
        self.assertEqual(self.write(1), tpm2.RC_SUCCESS)

    def write(self, digit):
        """The response code of what makes the state larger by an index with that value."""
        code = self.client.code(tpm2.nv_define(INDEX + digit, SIZE))
        return code or self.client.code(tpm2.nv_write(INDEX + digit, value(digit)))

    def initialise_anew(self):
        self.assertEqual(self.control.init(), SUCCESS)
        self.client.startup()

    def check_values(self, *digits):
        for digit in digits:
            self.assertEqual(self.client.nv_read(INDEX + digit, SIZE), value(digit))


class SmallDisk(Surroundings):
    """On a file system of its own."""

    def setUp(self):
        self.disk = self.directory()
        self.state = os.path.join(self.disk, "state")
        self.filler = os.path.join(self.disk, "filler")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "none",
                                  self.disk], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"nothing can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file, self.assertRaises(OSError):
            while file.write(bytes(512)):
                pass

    def remount(self, mode):
        done = subprocess.run(["mount", "-o", f"remount,{mode}", self.disk], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def fill_until_refused(self):
        """Returns the first digit whose value fits no more; those before it are acknowledged."""
        self.fill()
        for digit in range(2, 9):
            if self.write(digit) != tpm2.RC_SUCCESS:
                return digit
        self.fail("the disk is not full")

    def test_a_full_disk_fails_the_tpm_and_keeps_the_old_state(self):
        self.start_with_index(state_directory=self.state)
        refused = self.fill_until_refused()
        # Nothing else is answered as if all were well.
        self.assertEqual(self.client.code(tpm2.nv_read(INDEX + 1, SIZE)), tpm2.RC_FAILURE)
        self.assertNotEqual(self.control.store_volatile(), SUCCESS)
        self.assertIn(self.state, self.daemon.log)
        self.assertIn("No space left on device; make room there", self.daemon.log)
        self.assertEqual(self.daemon.log.count("restart this daemon or initialise the TPM anew"), 1)
        self.daemon.crash()
        os.unlink(self.filler)
        self.daemon, self.file, self.client = self.start_running(state_directory=self.state)
        self.check_values(*range(1, refused))
        self.assertEqual(self.write(refused), tpm2.RC_SUCCESS)

    @only_for("dir", reason="it stores another volatile state in the room of an older one")
    def test_a_volatile_state_that_cannot_be_stored_leaves_the_older_one(self):
        self.start_with_index(state_directory=self.state)
        pcr = self.client.pcr_read(5)
        self.assertEqual(self.control.store_volatile(), SUCCESS)
        self.client.run(tpm2.pcr_extend(5, bytes(range(32))))
        self.fill()
        self.assertEqual(self.control.store_volatile(), TPM_FAIL)
        # This one has not failed: it goes on.
        self.assertNotEqual(self.client.pcr_read(5), pcr)
        self.daemon.crash()
        self.daemon, _, self.client = self.start_initialised(state_directory=self.state)
        self.assertEqual(self.client.pcr_read(5), pcr)

    def test_with_room_again_the_tpm_can_be_initialised_anew(self):
        self.start_with_index(state_directory=self.state)
        refused = self.fill_until_refused()
        os.unlink(self.filler)
        self.assertEqual(self.write(refused), tpm2.RC_FAILURE)
        # Its volatile state would be that of a failed TPM, for ever.
        self.assertEqual(self.control.store_volatile(), TPM_FAIL)
        with self.assertRaises(ControlError):
            self.control.get_blob(VOLATILE)
        self.initialise_anew()
        self.check_values(*range(1, refused))
        self.assertEqual(self.write(refused), tpm2.RC_SUCCESS)

    def test_no_tpm_is_made_on_a_full_disk(self):
        self.fill()
        daemon = Daemon(state_directory=self.state, options=["--flags", "not-need-init"])
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1)
        self.assertIn("No space left on device; make room there", daemon.report)
        self.assertIn(self.disk, daemon.stderr)
        os.unlink(self.filler)
        self.start_with_index(state_directory=self.state)

    def test_a_read_only_file_system_is_told_at_the_start(self):
        for made in (False, True):
            with self.subTest(made=made):
                self.remount("ro")
                daemon = Daemon(state_directory=self.state)
                self.addCleanup(daemon.discard)
                self.assertEqual(daemon.expect_failure(), 1)
                self.assertIn(self.state, daemon.stderr)
                self.assertIn("Read-only file system; make its file system writable",
                              daemon.stderr)
                self.assertNotIn("change owner", daemon.stderr)
                self.remount("rw")
                self.start_running(state_directory=self.state)[0].shut_down()

    @only_for("dir", reason="its open files keep the file system from becoming read-only")
    def test_a_file_system_that_becomes_read_only_fails_the_tpm(self):
        self.start_with_index(state_directory=self.state, storage_options=",lock=false")
        self.remount("ro")
        self.assertEqual(self.write(2), tpm2.RC_FAILURE)
        self.assertIn("Read-only file system; make its file system writable", self.daemon.log)
        self.remount("rw")
        self.initialise_anew()
        self.check_values(1)
        self.assertEqual(self.write(2), tpm2.RC_SUCCESS)


class LimitedFiles(Surroundings):
    """RLIMIT_FSIZE, as of `ulimit -f`: needs no right to mount."""

    def test_a_limit_fails_the_tpm_and_not_the_process(self):
        directory = os.path.join(self.directory(), "state")
        self.start_with_index(state_directory=directory)
        limit = os.path.getsize(state_file(directory))
        subprocess.run(["prlimit", "--pid", str(self.daemon.pid), f"--fsize={limit}"], check=True)
        digits = range(2, 9)
        codes = [self.write(digit) for digit in digits]
        self.assertEqual(codes[-1], tpm2.RC_FAILURE)
        self.assertIn("File too large; raise the limit", self.daemon.log)
        self.daemon.crash()
        self.daemon, self.file, self.client = self.start_running(state_directory=directory)
        self.check_values(1, *(digit for digit, code in zip(digits, codes) if code == 0))


class OthersChangeTheState(Surroundings):
    def setUp(self):
        self.state = os.path.join(self.directory(), "state")
        self.start_with_index(state_directory=self.state)

    def check_fenced(self):
        self.assertNotEqual(self.write(2), tpm2.RC_SUCCESS)
        self.assertIn(self.state, self.daemon.log)

    def check_nothing_acknowledged_in_vain(self):
        """After a write, whatever it gave, a daemon finds what was acknowledged or an error; never
        a new TPM."""
        written = self.write(2) == tpm2.RC_SUCCESS
        self.daemon.crash()
        successor = Daemon(state_directory=self.state, options=["--flags", "startup-clear"])
        self.addCleanup(successor.discard)
        try:
            client = tpm2.Tpm2(successor.start().open())
        except AssertionError as error:
            self.assertFalse(written, error)
            self.assertIn(self.state, str(error))
            return
        self.assertEqual(client.nv_read(INDEX + 1, SIZE), value(1))
        if written:
            self.assertEqual(client.nv_read(INDEX + 2, SIZE), value(2))

    def test_the_store_is_moved_away_and_another_put_in_its_place(self):
        other = os.path.join(self.directory(), "state")
        self.start_running(state_directory=other)[0].shut_down()
        os.rename(self.state, self.state + ".old")
        shutil.move(other, self.state)
        before = stored(self.state)
        self.write(2)
        self.assertEqual(stored(self.state), before)

    def test_the_store_is_moved_away(self):
        os.rename(self.state, self.state + ".old")
        if self.write(2) == tpm2.RC_SUCCESS:
            self.daemon.crash()
            self.daemon, _, self.client = self.start_running(state_directory=self.state + ".old")
            self.check_values(1, 2)

    @only_for("dir", reason="it has no lock file that could be missed")
    def test_the_lock_file_is_removed(self):
        os.unlink(os.path.join(self.state, ".lock"))
        self.check_fenced()
        self.assertIn("was removed or replaced", self.daemon.log)

    @only_for("dir", reason="it has no lock file that could be missed")
    def test_the_lock_file_is_replaced(self):
        lock = os.path.join(self.state, ".lock")
        os.unlink(lock)
        with open(lock, "wb"):
            self.check_fenced()

    @only_for("file", "lmdb", reason="it has no file for all values")
    def test_the_file_is_removed(self):
        os.unlink(state_file(self.state))
        self.check_fenced()

    @only_for("file", "lmdb", reason="it has no file for all values")
    def test_the_file_is_replaced_by_a_copy(self):
        path = state_file(self.state)
        shutil.copy(path, path + ".copy")
        os.rename(path + ".copy", path)
        self.check_fenced()

    @only_for("dir", reason="it has no file for each value")
    def test_a_state_that_is_removed_is_stored_again(self):
        os.unlink(state_file(self.state))
        self.check_nothing_acknowledged_in_vain()

    def test_the_file_is_cut_off(self):
        for size in (0, 100, 5000):
            with self.subTest(size=size):
                os.truncate(state_file(self.state), size)
                self.check_nothing_acknowledged_in_vain()
                self.setUp()

    def test_the_file_is_overwritten(self):
        path = state_file(self.state)
        with open(path, "r+b") as file:
            file.write(b"\xa5" * os.path.getsize(path))
        self.check_nothing_acknowledged_in_vain()

    @only_for("dir", reason="it has no file for each value")
    def test_a_link_in_place_of_the_state_is_replaced_and_not_followed(self):
        victim = os.path.join(self.directory(), "victim")
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious")
        path = state_file(self.state)
        os.unlink(path)
        os.symlink(victim, path)
        self.assertEqual(self.write(2), tpm2.RC_SUCCESS)
        self.assertFalse(os.path.islink(path))
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    @only_for("dir", reason="its plugin does not put what another has locked")
    def test_another_program_puts_another_state_in(self):
        put(self.state, PERMANENT, b"not a state")
        self.check_nothing_acknowledged_in_vain()


class NoRandomBytes(TpmTest):
    """No TPM is made and nothing is stored."""

    def check_no_start(self, *options, says, **parameters):
        state = os.path.join(self.directory(), "state")
        daemon = Daemon(state_directory=state, options=["--flags", "startup-clear", *options],
                        **parameters)
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1, daemon.report)
        self.assertIn(says, daemon.report)
        self.assertEqual(stored(state), {})


class NoneFromTheKernel(NoRandomBytes):
    """getrandom(2) always fails, and there is no /dev/urandom."""

    WRAPPER = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh",
               "strace", "-f", "-o", os.devnull, "-e", "trace=getrandom",
               "-e", "inject=getrandom:error=EIO", "--")

    def setUp(self):
        if IS_SANITIZED:
            self.skipTest("LeakSanitizer does not work under strace")
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("there can be no mount namespace here")

    def check_no_start(self, *options, **parameters):
        super().check_no_start("--seccomp", "action=none", *options, wrapper=self.WRAPPER,
                               **parameters)

    def test_no_tpm_is_made(self):
        for tpm_2 in (True, False):
            with self.subTest(tpm_2=tpm_2):
                self.check_no_start(tpm2=tpm_2, says="no random bytes")

    def test_nothing_is_encrypted(self):
        self.check_no_start("--key", f"file={self.key_file()}", says="random")


class NoneThatOpensslMayUse(NoRandomBytes):
    CONFIGURATION = """\
openssl_conf = all
[all]
alg_section = algorithms
[algorithms]
default_properties = fips=yes
"""

    def test_a_configuration_that_demands_fips_is_heeded(self):
        path = os.path.join(self.directory(), "openssl.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.CONFIGURATION)
        self.check_no_start(says="OpenSSL's configuration", environment={"OPENSSL_CONF": path})


class FailureMode(TpmTest):
    """The self-test fails, since OpenSSL is configured to have no algorithms."""

    CONFIGURATION = """\
openssl_conf = all
[all]
providers = providers
[providers]
base = base
[base]
activate = 1
"""

    def test_a_volatile_state_with_the_failure_in_it_is_neither_stored_nor_given_away(self):
        state = self.directory()
        daemon, _, _ = self.start_running(state_directory=state)
        daemon.shut_down()
        path = os.path.join(self.directory(), "openssl.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.CONFIGURATION)
        daemon, file, client = self.start_running(state_directory=state,
                                                  environment={"OPENSSL_CONF": path})
        self.assertEqual(client.transmit(tpm2.self_test()), tpm2.FAILURE_RESPONSE)
        self.assertEqual(Control(file).store_volatile(), TPM_FAIL)
        with self.assertRaises(ControlError) as refusal:
            Control(file).get_blob(VOLATILE)
        self.assertEqual(refusal.exception.result, TPM_FAIL)
        self.assertIn("a TPM that is in failure mode", daemon.log)
        self.assertIn("with TPM_RC_FAILURE", daemon.log)
        daemon.shut_down()
        self.start_running(state_directory=state)

    @only_for("dir", reason="it removes the lock file, so that a store fails")
    def test_the_command_that_could_not_be_stored_is_shown_to_nobody(self):
        for level in (1, 4):
            with self.subTest(level=level):
                state = self.directory()
                daemon, _, client = self.start_running(state_directory=state, log_level=level)
                client.run(tpm2.nv_define(INDEX, 8, password=b"password"))
                os.unlink(os.path.join(state, ".lock"))
                self.assertEqual(client.transmit(tpm2.nv_write(INDEX, b"contents",
                                                               password=b"password")),
                                 tpm2.FAILURE_RESPONSE)
                shown = daemon.log + daemon.stderr
                digits = "".join(shown.split())
                for secret in (b"password", b"contents"):
                    self.assertNotIn(secret.hex(), digits)
                    self.assertNotIn(secret.decode(), shown)
