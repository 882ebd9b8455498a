# SPDX-License-Identifier: BSD-3-Clause
"""Who holds the state's lock, and keys at INIT and in blobs."""

import errno
import time

import ptm
import tpm2
from daemon import Daemon
from ptm import PERMANENT, SAVESTATE, SUCCESS, VOLATILE, Control
from tpm2 import Tpm2
from tpm_test import TooSoon, TpmTest, repeated_if_too_soon

KEY = "0123456789abcdef" * 2
OTHER_KEY = "fedcba9876543210" * 2
LONG_KEY = KEY * 2

# Flags in the header of a blob.
ENCRYPTED_STATE, ENCRYPTED_FOR_MIGRATION, MIGRATION_DATA = 1, 2, 4

# Of retries, each after 10 ms: what ends before it was ended.
A_YEAR = 0xFFFFFFFF

# TPM results of INIT.
WRONG_KEY, KEY_OF_WRONG_LENGTH = 0x21, 0x28


def header_flags(blob):
    return int.from_bytes(blob[4:6], "big")


class Lock(TpmTest):
    def setUp(self):
        self.state = self.directory()

    def start_here(self, *options):
        return self.start(state_directory=self.state, options=options)

    def refused_here(self):
        daemon = Daemon(state_directory=self.state)
        self.addCleanup(daemon.discard)
        return daemon.expect_failure() != 0

    def test_incoming_leaves_the_lock_to_another_until_a_command_comes(self):
        first = self.start_here()
        second = self.start_here("--migration", "incoming")
        file = second.open()
        self.assertEqual(Control(file).result("GET_CONFIG"), SUCCESS)
        first.shut_down()
        self.assertEqual(Control(file).init(), SUCCESS)
        Tpm2(file).startup()
        self.assertTrue(self.refused_here())

    def test_incoming_takes_the_lock_when_the_blobs_have_come(self):
        _, file, _ = self.start_running()
        blobs = {kind: Control(file).get_blob(kind)[1] for kind in (PERMANENT, VOLATILE)}
        second = self.start_here("--migration", "incoming")
        for kind, blob in blobs.items():
            self.assertEqual(Control(second.open()).set_blob(kind, 0, blob), SUCCESS)
        self.assertEqual(Control(second.open()).init(), SUCCESS)
        self.assertTrue(self.refused_here())

    def outgoing(self):
        """A daemon that has given its three blobs away, and an opener."""
        daemon = self.start_here("--migration", "release-lock-outgoing")
        file = daemon.open()
        Control(file).init()
        Tpm2(file).startup()
        for kind in (PERMANENT, VOLATILE):
            self.assertGreater(len(Control(file).get_blob(kind)[1]), 100)
        self.assertTrue(self.refused_here())
        # A TPM 2 has no savestate; asking for it ends the migration all the same.
        Control(file).call("GET_STATEBLOB", 0, SAVESTATE, 0)
        return daemon, file

    def test_outgoing_keeps_the_lock_while_a_blob_is_missing(self):
        for kind in (PERMANENT, VOLATILE):
            with self.subTest(kind):
                daemon = self.start_here("--migration", "release-lock-outgoing")
                control = Control(daemon.open())
                control.init()
                Tpm2(control.file).startup()
                control.get_blob(kind)
                control.call("GET_STATEBLOB", 0, SAVESTATE, 0)
                self.assertTrue(self.refused_here())
                daemon.shut_down()

    def test_outgoing_gives_the_lock_away_after_the_last_blob(self):
        self.outgoing()
        self.assertFalse(self.start_here().kernel.is_gone)

    @repeated_if_too_soon
    def test_a_fetch_that_ends_while_a_command_runs_does_not_count(self):
        self.state = self.directory()
        daemon = self.start_here("--migration", "release-lock-outgoing")
        file, other = daemon.open(), daemon.open()
        Control(file).init()
        Tpm2(file).startup()
        Control(other).get_blob(PERMANENT)
        Control(other).blob_part(VOLATILE)
        file.write(tpm2.slow_command())
        response = file.submit_read()
        while other.read():
            pass
        if response.is_done_within(0):
            raise TooSoon()
        response.wait()
        Control(other).call("GET_STATEBLOB", 0, SAVESTATE, 0)
        self.assertTrue(self.refused_here())

    def test_the_next_command_takes_it_back(self):
        _, file = self.outgoing()
        self.assertEqual(len(Tpm2(file).get_random(4)), 4)
        self.assertTrue(self.refused_here())

    def test_lock_storage_takes_it_back(self):
        _, file = self.outgoing()
        self.assertEqual(Control(file).lock_storage(), SUCCESS)
        self.assertTrue(self.refused_here())

    def test_what_another_has_taken_cannot_be_taken_back(self):
        _, file = self.outgoing()
        self.start_here()

        def waited(retries):
            start = time.monotonic()
            self.assertEqual(Control(file).lock_storage(retries), ptm.TPM_FAIL)
            return time.monotonic() - start

        seconds = [waited(20)]
        self.assertGreaterEqual(seconds[0], 0.2)
        # Not the three seconds of a command; a busy machine may take its time.
        while seconds[-1] >= 2.5 and len(seconds) < 10:
            seconds.append(waited(20))
        self.assertLess(seconds[-1], 2.5)

    @repeated_if_too_soon
    def test_a_command_without_the_lock_gets_eio_after_three_seconds(self):
        self.state = self.directory()
        daemon, file = self.outgoing()
        self.start_here()
        start = time.monotonic()
        write = file.submit_write(tpm2.get_random(4))
        # The loop goes on meanwhile.
        self.assertNotEqual(Control(daemon.open()).get_capability(), 0)
        if write.is_done_within(0) and time.monotonic() - start > 3:
            raise TooSoon("the machine was too busy to ask within three seconds")
        self.assertFalse(write.is_done_within(0))
        self.raises_errno(errno.EIO, write.wait)
        self.assertGreaterEqual(time.monotonic() - start, 3)
        self.assertEqual(file.read(), b"")

    def test_sigterm_ends_a_wait_for_the_lock_of_a_year(self):
        daemon, file = self.outgoing()
        self.start_here()
        wait = Control(file).submit("LOCK_STORAGE", A_YEAR)
        self.assertFalse(wait.is_done_within(0.1))
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(ptm.result_of(wait.wait()), ptm.TPM_FAIL)

    def interrupted(self, call):
        """`call`, which waits for the lock, gets EINTR before its wait is over."""
        self.assertFalse(call.is_done_within(0.1))
        call.interrupt()
        self.raises_errno(errno.EINTR, call.wait)

    def test_an_interrupted_lock_storage_waits_no_longer(self):
        _, file = self.outgoing()
        other = self.start_here()
        self.interrupted(Control(file).submit("LOCK_STORAGE", A_YEAR))
        # The next one waits again.
        wait = Control(file).submit("LOCK_STORAGE", A_YEAR)
        self.assertFalse(wait.is_done_within(0.1))
        other.shut_down()
        self.assertEqual(ptm.result_of(wait.wait()), SUCCESS)

    @repeated_if_too_soon
    def test_an_interrupted_write_waits_no_longer_and_its_command_does_not_run(self):
        self.state = self.directory()
        _, file = self.outgoing()
        other = self.start_here()
        before = Tpm2(file)
        self.interrupted(file.submit_write(tpm2.pcr_extend(16, bytes(32))))
        self.assertEqual(file.read(), b"")
        # The next one waits again.
        self.write_goes_on(file, other)
        self.assertEqual(tpm2.response_code(file.read()), tpm2.RC_SUCCESS)
        self.assertEqual(before.pcr_read(16), bytes(32))

    def test_a_cancel_while_the_lock_is_waited_for_does_not_reach_the_tpm(self):
        # A TPM 1.2 answers each cancel that reaches it with TPM_FAIL.
        daemon, file, _ = self.start_running(
            tpm2=False, state_directory=self.state,
            options=["--migration", "release-lock-outgoing"])
        for kind in (PERMANENT, VOLATILE, SAVESTATE):
            Control(file).call("GET_STATEBLOB", 0, kind, 0)
            while file.read():
                pass
        other = self.start(tpm2=False, state_directory=self.state)
        wait = Control(file).submit("LOCK_STORAGE", A_YEAR)
        self.assertFalse(wait.is_done_within(0.1))
        self.assertEqual(Control(daemon.open()).cancel(), SUCCESS)
        other.shut_down()
        self.assertEqual(ptm.result_of(wait.wait()), SUCCESS)

    @repeated_if_too_soon
    def test_a_lock_that_comes_free_in_time_is_taken(self):
        self.state = self.directory()
        _, file = self.outgoing()
        other = self.start_here()
        self.write_goes_on(file, other)
        self.assertEqual(len(file.read()), 16)

    def write_goes_on(self, file, other):
        """A write waits for the lock that `other` has, which gives it back by its end."""
        start = time.monotonic()
        write = file.submit_write(tpm2.get_random(4))
        self.assertFalse(write.is_done_within(0.3))
        other.shut_down()
        if time.monotonic() - start > 2.5:
            raise TooSoon("the wait of three seconds was over before the other's end")
        self.assertEqual(write.wait(), 12)


class Keys(TpmTest):
    def state_with_key(self, tpm_2, key):
        directory = self.directory()
        daemon, _, _ = self.start_running(tpm2=tpm_2, state_directory=directory,
                                          options=self.options(key))
        daemon.shut_down()
        return directory

    def options(self, digits, option="--key"):
        if digits is None:
            return []
        mode = "aes-256-cbc" if len(digits) == 64 else "aes-128-cbc"
        return [option, f"file={self.key_file(digits)},format=hex,mode={mode}"]

    def result_of_init(self, tpm_2, stored_with, opened_with):
        daemon = self.start(tpm2=tpm_2, state_directory=self.state_with_key(tpm_2, stored_with),
                            options=self.options(opened_with))
        return Control(daemon.open()).init()

    def test_the_right_key_opens_the_state(self):
        for tpm_2 in (True, False):
            for key in (None, KEY, LONG_KEY):
                self.assertEqual(self.result_of_init(tpm_2, key, key), SUCCESS)

    def test_a_tpm_1_2_tells_what_is_wrong_with_the_key(self):
        self.assertEqual(self.result_of_init(False, KEY, OTHER_KEY), WRONG_KEY)
        self.assertEqual(self.result_of_init(False, KEY, LONG_KEY), KEY_OF_WRONG_LENGTH)
        self.assertEqual(self.result_of_init(False, LONG_KEY, KEY), KEY_OF_WRONG_LENGTH)

    def test_a_tpm_2_fails(self):
        for stored, opened in ((KEY, OTHER_KEY), (KEY, LONG_KEY), (KEY, None), (None, KEY)):
            self.assertEqual(self.result_of_init(True, stored, opened), tpm2.RC_FAILURE)

    def test_the_state_of_a_refused_key_stays_as_it_is(self):
        directory = self.state_with_key(True, KEY)
        for wrong in (OTHER_KEY, LONG_KEY, None):
            daemon = self.start(state_directory=directory, options=self.options(wrong))
            self.assertNotEqual(Control(daemon.open()).init(), SUCCESS)
            daemon.shut_down()
        self.start_running(state_directory=directory, options=self.options(KEY))

    def test_a_blob_travels_under_the_migration_key(self):
        migration = self.options(KEY, "--migration-key")
        _, file, client = self.start_running(options=migration)
        client.run(tpm2.pcr_extend(5, bytes(range(32))))
        pcr = client.pcr_read(5)
        blobs = {kind: Control(file).get_blob(kind)[1] for kind in (PERMANENT, VOLATILE)}
        for blob in blobs.values():
            self.assertEqual(header_flags(blob), MIGRATION_DATA | ENCRYPTED_FOR_MIGRATION)

        without = Control(self.start().open())
        self.assertEqual(without.set_blob(PERMANENT, 0, blobs[PERMANENT]), ptm.TPM_KEYNOTFOUND)
        wrong = Control(self.start(options=self.options(OTHER_KEY, "--migration-key")).open())
        self.assertNotEqual(wrong.set_blob(PERMANENT, 0, blobs[PERMANENT]), SUCCESS)

        other = self.start(options=migration).open()
        for kind, blob in blobs.items():
            self.assertEqual(Control(other).set_blob(kind, 0, blob), SUCCESS)
        self.assertEqual(Control(other).init(), SUCCESS)
        self.assertEqual(Tpm2(other).pcr_read(5), pcr)

    def test_the_flags_tell_what_a_blob_is_encrypted_with(self):
        # As Debian's swtpm 0.7.1 answers: (state key, migration key, decrypted on demand).
        for with_key, with_migration_key, flags, state_flags, blob_flags in (
                (False, False, 0, 0, MIGRATION_DATA),
                (True, False, 0, ptm.ENCRYPTED, MIGRATION_DATA | ENCRYPTED_STATE),
                (True, False, ptm.DECRYPTED, 0, MIGRATION_DATA),
                (False, True, 0, 0, MIGRATION_DATA | ENCRYPTED_FOR_MIGRATION),
                (True, True, 0, ptm.ENCRYPTED,
                 MIGRATION_DATA | ENCRYPTED_FOR_MIGRATION | ENCRYPTED_STATE),
                (True, True, ptm.DECRYPTED, 0, MIGRATION_DATA | ENCRYPTED_FOR_MIGRATION)):
            options = self.options(KEY if with_key else None)
            options += self.options(OTHER_KEY if with_migration_key else None, "--migration-key")
            _, file, _ = self.start_running(options=options)
            got, blob = Control(file).get_blob(PERMANENT, flags)
            self.assertEqual((got, header_flags(blob)), (state_flags, blob_flags), options)

    def test_a_plain_blob_is_taken_where_a_migration_key_is_set(self):
        _, file, _ = self.start_running()
        blob = Control(file).get_blob(PERMANENT)[1]
        other = self.start(options=self.options(KEY, "--migration-key")).open()
        self.assertEqual(Control(other).set_blob(PERMANENT, 0, blob), SUCCESS)

    def test_a_blob_is_decrypted_on_demand(self):
        _, file, _ = self.start_running(options=self.options(KEY))
        encrypted = Control(file).get_blob(PERMANENT)[1]
        plain = Control(file).get_blob(PERMANENT, ptm.DECRYPTED)[1]
        without_key, with_key = self.start().open(), self.start(options=self.options(KEY)).open()
        self.assertEqual(Control(without_key).set_blob(PERMANENT, 0, plain), SUCCESS)
        self.assertEqual(Control(with_key).set_blob(PERMANENT, ptm.ENCRYPTED, encrypted), SUCCESS)
        self.assertNotEqual(Control(self.start().open()).set_blob(PERMANENT, 0, encrypted),
                            SUCCESS)
