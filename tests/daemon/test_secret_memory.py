# SPDX-License-Identifier: BSD-3-Clause
"""Commands, responses, blobs and stored states carry passwords and keys: of none is anything left in
the daemon's memory once it is done with.

The commands are such as libtpms refuses before it copies them, since it does not wipe its copies.
What is looked for stands behind everything that a later request overwrites.  The loop does one
thing after the other: what it did for one call is done when it has answered the next.
"""

import os

import tpm2
from fake_kernel import error_of
from memory import places_of, sanitizer_keeps_memory
from ptm import SUCCESS, Control
from store import Store
from tpm_client import response_code
from tpm_test import TpmTest

PERMANENT = 1
MARKER = b"the owner's authorisation value"
NV_INDEX = 0x01500001
NO_SUCH_COMMAND = 0x1FF
CREATE_PRIMARY = 0x131
BLOB_PART = 3072

is_for = sanitizer_keeps_memory


def with_marker(code, body=b""):
    return tpm2.command(code, body + bytes(1000) + MARKER)


class SecretMemory(TpmTest):
    def places_after_next_call(self, daemon, secret):
        with daemon.kernel.open() as file:
            Control(file).get_capability()
        return len(places_of(daemon.pid, secret))

    def assert_gone(self, daemon, secret=MARKER):
        self.assertEqual(self.places_after_next_call(daemon, secret), 0)

    def assert_there(self, daemon, secret=MARKER):
        self.assertEqual(self.places_after_next_call(daemon, secret), 1)


class Commands(SecretMemory):
    def test_a_quick_command(self):
        daemon, file, client = self.start_running()
        self.assertEqual(client.code(with_marker(NO_SUCH_COMMAND)), tpm2.RC_COMMAND_CODE)
        self.assert_gone(daemon)

    def test_a_command_whose_response_nobody_has_read_yet(self):
        daemon, file, _ = self.start_running()
        file.write(with_marker(NO_SUCH_COMMAND))
        self.assert_gone(daemon)

    def test_a_command_that_the_worker_runs(self):
        daemon, _, client = self.start_running()
        handle = tpm2.RH_OWNER.to_bytes(4, "big")
        self.assertNotEqual(client.code(with_marker(CREATE_PRIMARY, handle)), tpm2.RC_SUCCESS)
        self.assert_gone(daemon)

    def test_a_command_that_is_refused(self):
        daemon, _, _ = self.start_running()
        second = daemon.open()
        self.assertEqual(error_of(second.write, with_marker(NO_SUCH_COMMAND)), "EBUSY")
        self.assertEqual(error_of(second.write, bytes(5000) + MARKER), "E2BIG")
        self.assert_gone(daemon)


class Responses(SecretMemory):
    """libtpms keeps parts of a response, in its own order: what is looked for is the whole."""

    def setUp(self):
        self.daemon, self.file, _ = self.start_running()
        self.command = tpm2.hash_data(b"data")
        self.file.write(self.command)
        response = self.file.read()
        self.assertEqual(response_code(response), tpm2.RC_SUCCESS)
        self.secret = response[12:]

    def test_one_that_was_read(self):
        self.assert_gone(self.daemon, self.secret)

    def test_one_that_was_read_in_parts(self):
        self.file.write(self.command)
        self.file.read(10)
        self.assert_there(self.daemon, self.secret)
        self.file.read(20)
        self.file.read()
        self.assert_gone(self.daemon, self.secret)

    def test_one_that_the_next_command_drops(self):
        self.file.write(self.command)
        self.assert_there(self.daemon, self.secret)
        self.file.write(tpm2.command(NO_SUCH_COMMAND))
        self.assert_gone(self.daemon, self.secret)

    def test_one_that_was_never_read(self):
        self.file.write(self.command)
        self.assert_there(self.daemon, self.secret)
        self.file.close()
        self.assert_gone(self.daemon, self.secret)


class WaitingCalls(SecretMemory):
    def test_a_part_of_a_blob_that_waits_for_the_worker(self):
        state = os.path.join(self.directory(), "state")
        daemon = self.start(state_directory=state, options=["--migration", "incoming"])
        self.start(state_directory=state)
        control = Control(daemon.open())
        lock = control.submit("LOCK_STORAGE", 1 << 30)
        part = control.submit("SET_STATEBLOB", 0, PERMANENT, bytes(1000) + MARKER)
        self.assert_there(daemon)
        part.interrupt()
        self.assertEqual(error_of(part.wait), "EINTR")
        self.assert_gone(daemon)
        lock.interrupt()
        self.assertEqual(error_of(lock.wait), "EINTR")


class Blobs(SecretMemory):
    PART = bytes(BLOB_PART - len(MARKER)) + MARKER

    def start_upload(self, file):
        self.assertEqual(Control(file).set_blob_part(PERMANENT, 0, self.PART), SUCCESS)

    def test_an_upload_that_ends_with_its_session(self):
        daemon = self.start()
        file = daemon.open()
        self.start_upload(file)
        self.assert_there(daemon)
        file.close()
        self.assert_gone(daemon)

    def test_an_upload_that_grows(self):
        daemon = self.start()
        file = daemon.open()
        self.start_upload(file)
        for _ in range(4):
            self.assertEqual(Control(file).set_blob_part(PERMANENT, 0, bytes(BLOB_PART)), SUCCESS)
        self.assert_there(daemon)

    def test_an_upload_that_is_refused(self):
        daemon = self.start()
        file = daemon.open()
        self.start_upload(file)
        self.assertNotEqual(Control(file).set_blob_part(PERMANENT, 0, b""), SUCCESS)
        self.assert_gone(daemon)

    def test_an_upload_by_write(self):
        daemon = self.start()
        file = daemon.open()
        self.assertEqual(Control(file).set_blob_part(PERMANENT, 0, b""), SUCCESS)
        file.write(self.PART)
        self.assert_there(daemon)
        file.close()
        self.assert_gone(daemon)

    def test_a_download(self):
        """Each has an initialisation vector of its own, so that its bytes stand nowhere else."""
        daemon, file, client = self.start_running(options=["--key", f"file={self.key_file()}"])
        control = Control(file)
        client.run(tpm2.nv_define(NV_INDEX, 2048))
        client.run(tpm2.nv_write(NV_INDEX, bytes(1024)))
        _, total, begin = control.blob_part(PERMANENT)
        self.assertGreater(total, len(begin))
        secret = begin[1000:1100]
        self.assert_there(daemon, secret)
        control.blob_part(PERMANENT, 0, total)
        self.assert_gone(daemon, secret)


class StoredStates(SecretMemory):
    """Header and contents of an envelope, or what is encrypted of it, stand nowhere but in one."""

    def assert_no_envelope(self, options):
        for kind in ("dir", "file"):
            with self.subTest(kind=kind):
                directory = self.directory()
                uri = f"{kind}://{directory}" + ("/store" if kind == "file" else "")
                daemon, file, client = self.start_running(storage_uri=uri, options=options)
                client.run(tpm2.nv_define(NV_INDEX, 32))
                client.run(tpm2.nv_write(NV_INDEX, bytes(range(32))))
                self.assertEqual(Control(file).init(), SUCCESS)
                self.assertEqual(Control(file).store_volatile(), SUCCESS)
                with Store(uri, read_only=True) as store:
                    envelope = store.get("tpm2-00.permall")
                self.assert_gone(daemon, envelope[:40])
                self.assert_gone(daemon, envelope[1000:1040] if options else envelope[:14])

    def test_plain(self):
        self.assert_no_envelope([])

    def test_encrypted(self):
        for mode in ("aes-128-cbc", "aes-256-gcm"):
            digits = "0123456789abcdef" * (2 if mode == "aes-128-cbc" else 4)
            self.assert_no_envelope(["--key", f"file={self.key_file(digits)},mode={mode}"])
