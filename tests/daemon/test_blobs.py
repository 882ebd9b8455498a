# SPDX-License-Identifier: BSD-3-Clause
"""State blobs in and out, by ioctl and by read and write (swtpm-ptm(4))."""

import errno
import resource
import struct

import ptm
import tpm12
import tpm2
from ptm import BLOB_MAX, BLOB_PART_MAX, PERMANENT, SAVESTATE, VOLATILE, Control
from store import stored
from tpm_test import TpmTest

MIGRATION_DATA = 4  # header flag


class Download(TpmTest):
    def setUp(self):
        self.daemon, self.file, self.client = self.start_running()
        self.control = Control(self.file)

    def test_a_blob_begins_with_a_header_that_tells_its_size(self):
        for kind in (PERMANENT, VOLATILE):
            flags, blob = self.control.get_blob(kind)
            self.assertEqual(flags, 0)
            version, minimum, size, blob_flags, total = struct.unpack_from(">BBHHI", blob)
            self.assertEqual((version, minimum, size), (2, 1, 10))
            self.assertEqual(blob_flags, MIGRATION_DATA)
            self.assertEqual(total, len(blob))

    def test_parts_at_any_offset_are_parts_of_one_blob(self):
        _, total, start = self.control.blob_part(VOLATILE)
        self.assertGreater(total, 2 * BLOB_PART_MAX)
        blob = {}
        for offset in (0, 1, 2000, 5000, 100, 3000, 1):
            if offset > 0:
                _, again, start = self.control.blob_part(VOLATILE, offset=offset)
                self.assertEqual(again, total)
            self.assertEqual(len(start), min(BLOB_PART_MAX, total - offset))
            for position, byte in enumerate(start, offset):
                self.assertEqual(blob.setdefault(position, byte), byte)

    def test_an_offset_past_the_end_is_refused(self):
        total = self.control.blob_part(PERMANENT)[1]
        self.assertEqual(self.control.result("GET_STATEBLOB", 0, PERMANENT, total + 1),
                         ptm.TPM_BAD_PARAMETER)
        self.assertEqual(self.control.result("GET_STATEBLOB", 0, PERMANENT, 0xFFFFFFFF),
                         ptm.TPM_BAD_PARAMETER)

    def test_read_goes_on_where_the_ioctl_ended(self):
        for kind in (PERMANENT, VOLATILE):
            for size in (7, 100, 4096, 300_000):
                _, total, blob = self.control.blob_part(kind)
                while part := self.file.read(size):
                    self.assertLessEqual(len(part), size)
                    blob += part
                self.assertEqual(len(blob), total)
                self.assertEqual(struct.unpack_from(">I", blob, 6)[0], total)

    def test_a_refused_write_leaves_a_download_as_it_is(self):
        other = self.daemon.open()
        self.client.get_random(4)
        for number, command in ((errno.EBUSY, tpm2.get_random(4)), (errno.E2BIG, bytes(4097))):
            _, total, blob = Control(other).blob_part(VOLATILE)
            self.raises_errno(number, other.write, command)
            while part := other.read():
                blob += part
            self.assertEqual(len(blob), total)

    def test_a_command_ends_a_download(self):
        self.control.blob_part(VOLATILE)
        self.file.write(tpm2.get_random(4))
        self.assertEqual(len(self.file.read()), 16)
        self.assertEqual(self.file.read(), b"")

    def test_the_last_read_gives_the_channel_back(self):
        _, total, blob = self.control.blob_part(VOLATILE)
        while len(blob) < total:
            blob += self.file.read()
        self.assertEqual(len(self.client.get_random(5)), 5)

    def test_a_download_belongs_to_its_opener(self):
        other = self.daemon.open()
        self.control.blob_part(VOLATILE)
        self.assertEqual(other.read(), b"")
        self.assertEqual(Control(other).blob_part(PERMANENT)[2][:1], b"\2")
        self.assertEqual(len(self.file.read(100)), 100)

    def test_a_client_killed_in_the_middle_leaves_nothing_behind(self):
        other = self.daemon.open()
        Control(other).blob_part(VOLATILE)
        other.read(10)
        other.kill()
        third = self.daemon.open()
        self.assertEqual(third.read(), b"")
        _, blob = Control(third).get_blob(VOLATILE)
        self.assertEqual(struct.unpack_from(">I", blob, 6)[0], len(blob))

    def test_fetching_the_volatile_blob_leaves_none_stored(self):
        self.assertEqual(self.control.store_volatile(), ptm.SUCCESS)
        self.assertIn("tpm2-00.volatilestate", stored(self.daemon.state_directory))
        self.control.get_blob(VOLATILE)
        self.assertNotIn("tpm2-00.volatilestate", stored(self.daemon.state_directory))

    def test_a_savestate_blob_exists_after_shutdown_state(self):
        # A TPM 2 keeps what TPM2_Shutdown(STATE) saves in its permanent state.
        before = self.control.get_blob(PERMANENT)[1]
        self.client.run(tpm2.shutdown(tpm2.SU_STATE))
        self.assertGreater(len(self.control.get_blob(PERMANENT)[1]), len(before))


class Upload(TpmTest):
    def setUp(self):
        """The permanent and the volatile blob of a TPM with PCR 5 extended."""
        _, file, client = self.start_running()
        client.run(tpm2.pcr_extend(5, bytes(range(32))))
        self.pcr = client.pcr_read(5)
        self.permanent = Control(file).get_blob(PERMANENT)[1]
        self.volatile = Control(file).get_blob(VOLATILE)[1]

    def check_resumed(self, daemon, file):
        self.assertEqual(Control(file).init(), ptm.SUCCESS)
        self.assertEqual(tpm2.Tpm2(file).pcr_read(5), self.pcr)

    def by_write(self, file, kind, blob, size):
        control = Control(file)
        self.assertEqual(control.set_blob_part(kind, 0, b""), ptm.SUCCESS)
        for start in range(0, len(blob), size):
            part = blob[start:start + size]
            self.assertEqual(file.write(part), len(part))
        return control.set_blob_part(kind, 0, b"")

    def test_blobs_set_by_ioctl_are_resumed_from(self):
        daemon = self.start()
        file = daemon.open()
        self.assertEqual(Control(file).set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(Control(file).set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        self.check_resumed(daemon, file)

    def test_blobs_set_by_write_are_resumed_from(self):
        for size in (1000, 4096, 5000, 100_000):
            daemon = self.start()
            file = daemon.open()
            self.assertEqual(self.by_write(file, PERMANENT, self.permanent, size), ptm.SUCCESS)
            self.assertEqual(self.by_write(file, VOLATILE, self.volatile, size), ptm.SUCCESS)
            self.check_resumed(daemon, file)

    def test_what_was_set_survives_an_init_that_fails(self):
        daemon = self.start()
        file = daemon.open()
        self.assertEqual(Control(file).set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(Control(file).set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        limits = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        self.assertEqual(Control(file).init(), tpm2.RC_FAILURE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limits)
        self.check_resumed(daemon, file)

    def test_what_was_set_is_for_one_start(self):
        daemon = self.start()
        file = daemon.open()
        self.assertEqual(Control(file).set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(Control(file).set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        self.check_resumed(daemon, file)
        self.assertEqual(Control(file).init(), ptm.SUCCESS)
        self.assertEqual(tpm2.Tpm2(file).code(tpm2.startup()), tpm2.RC_SUCCESS)

    def test_a_last_part_may_follow_what_was_written(self):
        daemon = self.start()
        file = daemon.open()
        control = Control(file)
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(control.set_blob_part(VOLATILE, 0, b""), ptm.SUCCESS)
        file.write(self.volatile[:-100])
        self.assertEqual(control.set_blob_part(VOLATILE, 0, self.volatile[-100:]), ptm.SUCCESS)
        self.check_resumed(daemon, file)

    def test_a_blob_whose_size_is_a_multiple_of_a_part_needs_an_empty_part_at_its_end(self):
        # The tail of a header TLV is ignored by no one, so a real blob cannot be padded: the
        # result tells whether the blob was taken for complete.
        control = Control(self.start().open())
        part = bytes(BLOB_PART_MAX)
        self.assertEqual(control.set_blob_part(PERMANENT, 0, part), ptm.SUCCESS)
        self.assertEqual(control.set_blob_part(PERMANENT, 0, part), ptm.SUCCESS)
        self.assertNotEqual(control.set_blob_part(PERMANENT, 0, b""), ptm.SUCCESS)

    def test_an_abandoned_transfer_is_not_prepended_to_the_next(self):
        daemon = self.start()
        for end in ("close", "kill"):
            file = daemon.open()
            Control(file).set_blob_part(PERMANENT, 0, bytes(BLOB_PART_MAX))
            getattr(file, end)()
            file = daemon.open()
            Control(file).set_blob_part(PERMANENT, 0, b"")
            file.write(b"abandoned")
            getattr(file, end)()
        file = daemon.open()
        self.assertEqual(Control(file).set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(Control(file).set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        self.check_resumed(daemon, file)

    def test_a_refused_part_is_not_prepended_to_the_next_transfer(self):
        daemon = self.start()
        file = daemon.open()
        control = Control(file)
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        control.set_blob_part(VOLATILE, 0, self.volatile[:BLOB_PART_MAX])
        self.assertEqual(control.init(), ptm.SUCCESS)
        self.assertEqual(control.set_blob_part(VOLATILE, 0, self.volatile[BLOB_PART_MAX:6000]),
                         ptm.TPM_BAD_ORDINAL)
        self.assertEqual(control.stop(), ptm.SUCCESS)
        self.assertEqual(control.set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        self.check_resumed(daemon, file)

    def test_another_type_in_between_starts_anew(self):
        daemon = self.start()
        file = daemon.open()
        control = Control(file)
        control.set_blob_part(VOLATILE, 0, bytes(BLOB_PART_MAX))
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(control.set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        self.check_resumed(daemon, file)

    def test_two_openers_transfer_side_by_side(self):
        daemon = self.start()
        first, second = daemon.open(), daemon.open()
        parts = range(0, len(self.volatile), BLOB_PART_MAX)
        for start in parts:
            part = self.volatile[start:start + BLOB_PART_MAX]
            if start == parts[-1]:
                self.assertEqual(Control(second).set_blob(PERMANENT, 0, self.permanent), 0)
            self.assertEqual(Control(first).set_blob_part(VOLATILE, 0, part), ptm.SUCCESS)
        self.check_resumed(daemon, first)

    def test_more_than_512_kib_by_ioctl_are_refused(self):
        control = Control(self.start().open())
        part = bytes(BLOB_PART_MAX)
        fits = BLOB_MAX // BLOB_PART_MAX
        results = [control.set_blob_part(PERMANENT, 0, part) for _ in range(fits)]
        self.assertEqual(set(results), {ptm.SUCCESS})
        self.assertEqual(control.set_blob_part(PERMANENT, 0, part), ptm.TPM_SIZE)
        # The transfer was dropped: the next one is whole by itself.
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)

    def test_more_than_512_kib_by_write_are_refused(self):
        file = self.start().open()
        control = Control(file)
        control.set_blob_part(PERMANENT, 0, b"")
        for _ in range(BLOB_MAX // 65536):
            self.assertEqual(file.write(bytes(65536)), 65536)
        self.raises_errno(errno.EFBIG, file.write, b"x")
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)

    def test_a_large_write_is_taken_whole(self):
        file = self.start().open()
        Control(file).set_blob_part(PERMANENT, 0, b"")
        self.assertEqual(file.write(bytes(BLOB_MAX)), BLOB_MAX)

    def test_an_empty_blob_clears_that_state(self):
        daemon = self.start()
        file = daemon.open()
        control = Control(file)
        control.set_blob(PERMANENT, 0, self.permanent)
        control.set_blob(VOLATILE, 0, self.volatile)
        self.assertEqual(control.set_blob_part(VOLATILE, 0, b""), ptm.SUCCESS)
        self.assertEqual(control.set_blob_part(VOLATILE, 0, b""), ptm.SUCCESS)
        self.assertEqual(control.init(), ptm.SUCCESS)
        self.assertEqual(tpm2.Tpm2(file).code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)

    def test_wrong_types_flags_and_lengths_are_refused(self):
        control = Control(self.start().open())
        for kind in (0, 4, 0xFFFFFFFF):
            self.assertEqual(control.set_blob_part(kind, 0, b"x"), ptm.TPM_BAD_PARAMETER)
        for length in (BLOB_PART_MAX + 1, 0x80000000, 0xFFFFFFFF):
            self.assertNotEqual(control.result("SET_STATEBLOB", 0, PERMANENT, b"", length),
                                ptm.SUCCESS)
        self.assertEqual(control.set_blob(PERMANENT, ptm.ENCRYPTED, self.permanent),
                         ptm.TPM_KEYNOTFOUND)

    def test_a_damaged_blob_is_refused_and_the_stored_state_stays(self):
        daemon = self.start()
        file = daemon.open()
        control = Control(file)
        self.assertEqual(control.set_blob(PERMANENT, 0, self.permanent), ptm.SUCCESS)
        self.assertEqual(control.set_blob(VOLATILE, 0, self.volatile), ptm.SUCCESS)
        blob = bytearray(self.volatile)
        for damage in (lambda b: b[:9], lambda b: b[:10], lambda b: b[:20], lambda b: b[:-1],
                       lambda b: b + b"x", lambda b: b"\2\3" + b[2:], lambda b: bytes(len(b)),
                       lambda b: b[:12] + b"\xff\xff\xff\xff" + b[16:]):
            with self.subTest(start=bytes(damage(blob)[:20]).hex()):
                self.assertNotEqual(control.set_blob(VOLATILE, 0, bytes(damage(blob))),
                                    ptm.SUCCESS)
        self.check_resumed(daemon, file)


class Tpm12(TpmTest):
    def setUp(self):
        _, self.file, self.client = self.start_running(tpm2=False)
        self.client.run(tpm12.extend(5, bytes(range(20))))
        self.pcr = self.client.pcr_read(5)

    def move(self, *kinds):
        """Hands blobs over to another TPM and starts it; returns its control and its client."""
        blobs = {kind: Control(self.file).get_blob(kind)[1] for kind in kinds}
        other = self.start(tpm2=False).open()
        for kind, blob in blobs.items():
            self.assertEqual(Control(other).set_blob(kind, 0, blob), ptm.SUCCESS)
        self.assertEqual(Control(other).init(), ptm.SUCCESS)
        return Control(other), tpm12.Tpm12(other)

    def test_a_running_tpm_is_resumed_from_its_volatile_blob(self):
        _, client = self.move(PERMANENT, VOLATILE)
        self.assertEqual(client.pcr_read(5), self.pcr)

    def test_a_saved_state_is_resumed_by_startup_state(self):
        self.client.run(tpm12.save_state())
        _, client = self.move(PERMANENT, SAVESTATE)
        client.startup(tpm12.ST_STATE)
        self.assertEqual(client.pcr_read(5), self.pcr)

    def test_a_sleeping_machine_is_moved_and_woken(self):
        self.client.run(tpm12.save_state())
        control, client = self.move(PERMANENT, VOLATILE, SAVESTATE)
        self.assertEqual(control.init(ptm.INIT_DELETE_VOLATILE), ptm.SUCCESS)
        client.startup(tpm12.ST_STATE)
        self.assertEqual(client.pcr_read(5), self.pcr)


class Abandoned(TpmTest):
    """Whoever may open the device must not fill the memory with blobs that never end."""

    MOST, RESOURCES = 64, 0x15

    def check(self, daemon, begin):
        """`begin` begins a transfer and returns its result."""
        openers = [Control(daemon.open()) for _ in range(self.MOST + 1)]
        for opener in openers[:-1]:
            self.assertEqual(begin(opener), ptm.SUCCESS)
        self.assertEqual(begin(openers[-1]), self.RESOURCES)
        self.assertIn("64 transfers are under way", daemon.log)
        self.assertEqual(begin(openers[0]), ptm.SUCCESS)
        openers[1].file.close()
        self.assertEqual(begin(openers[-1]), ptm.SUCCESS)

    def test_uploads_that_never_end_are_limited_in_number(self):
        self.check(self.start(),
                   lambda control: control.set_blob_part(PERMANENT, 0, bytes(BLOB_PART_MAX)))

    def test_downloads_that_never_end_are_limited_in_number(self):
        daemon, _, _ = self.start_running()
        self.check(daemon, lambda control: control.result("GET_STATEBLOB", 0, VOLATILE, 0))
