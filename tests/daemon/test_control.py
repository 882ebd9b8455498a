# SPDX-License-Identifier: BSD-3-Clause
"""Each control call in each state of the TPM, and wrong ones (swtpm-ptm(4))."""

import errno
import hashlib
import json
import os
import shutil
import struct

import ptm
import tpm12
import tpm2
from daemon import Daemon
from ptm import Control
from tpm_test import TpmTest, client_for

SUCCESS, BAD_ORDINAL = ptm.SUCCESS, ptm.TPM_BAD_ORDINAL

# What a CUSE TPM offers: all but SET_DATAFD (12) and SEND_COMMAND_HEADER (15).
CAPABILITIES = sum(1 << bit for bit in range(17) if bit not in (12, 15))

# call and arguments: (result while the TPM does not run, result while it runs)
RESULTS = {
    ("INIT", 0): (SUCCESS, SUCCESS),
    ("INIT", 1): (SUCCESS, SUCCESS),
    ("STOP",): (SUCCESS, SUCCESS),
    ("SHUTDOWN",): (SUCCESS, SUCCESS),
    ("GET_TPMESTABLISHED",): (BAD_ORDINAL, SUCCESS),
    ("SET_LOCALITY", 0): (SUCCESS, SUCCESS),
    ("SET_LOCALITY", 4): (SUCCESS, SUCCESS),
    ("SET_LOCALITY", 5): (ptm.TPM_BAD_LOCALITY, ptm.TPM_BAD_LOCALITY),
    ("SET_LOCALITY", 255): (ptm.TPM_BAD_LOCALITY, ptm.TPM_BAD_LOCALITY),
    ("HASH_START",): (BAD_ORDINAL, SUCCESS),
    ("HASH_DATA", b"data"): (BAD_ORDINAL, SUCCESS),
    ("HASH_DATA", b"", 4097): (BAD_ORDINAL, ptm.TPM_FAIL),
    ("HASH_DATA", b"", 0xFFFFFFFF): (BAD_ORDINAL, ptm.TPM_FAIL),
    ("HASH_END",): (BAD_ORDINAL, SUCCESS),
    ("CANCEL_TPM_CMD",): (BAD_ORDINAL, SUCCESS),
    ("STORE_VOLATILE",): (BAD_ORDINAL, SUCCESS),
    ("RESET_TPMESTABLISHED", 3): (BAD_ORDINAL, SUCCESS),
    ("RESET_TPMESTABLISHED", 4): (BAD_ORDINAL, SUCCESS),
    ("RESET_TPMESTABLISHED", 5): (BAD_ORDINAL, ptm.TPM_BAD_LOCALITY),
    ("RESET_TPMESTABLISHED", 255): (BAD_ORDINAL, ptm.TPM_BAD_LOCALITY),
    ("GET_STATEBLOB", 0, ptm.PERMANENT, 0): (BAD_ORDINAL, SUCCESS),
    ("GET_STATEBLOB", 0, ptm.VOLATILE, 0): (BAD_ORDINAL, SUCCESS),
    ("GET_STATEBLOB", 0, 0, 0): (BAD_ORDINAL, ptm.TPM_BAD_PARAMETER),
    ("GET_STATEBLOB", 0, 4, 0): (BAD_ORDINAL, ptm.TPM_BAD_PARAMETER),
    ("SET_STATEBLOB", 0, ptm.PERMANENT, b""): (SUCCESS, BAD_ORDINAL),
    ("GET_CONFIG",): (SUCCESS, SUCCESS),
    ("SET_BUFFERSIZE", 0): (SUCCESS, SUCCESS),
    ("SET_BUFFERSIZE", 4096): (SUCCESS, BAD_ORDINAL),
    ("GET_INFO", 1, 0): (SUCCESS, SUCCESS),
    ("GET_INFO", 1, 100_000): (ptm.TPM_BAD_PARAMETER, ptm.TPM_BAD_PARAMETER),
    ("GET_INFO", 1, 0xFFFFFFFF): (ptm.TPM_BAD_PARAMETER, ptm.TPM_BAD_PARAMETER),
    ("LOCK_STORAGE", 0): (SUCCESS, SUCCESS),
}


class EachCallInEachState(TpmTest):
    def check(self, tpm_2, running, calls=RESULTS):
        # Copies of one TPM: to make a TPM 1.2 anew for each call would take most of the time.
        made = self.directory()
        self.start_running(tpm2=tpm_2, state_directory=made)[0].shut_down()
        for call in calls:
            state = os.path.join(self.directory(), "state")
            shutil.copytree(made, state)
            with self.subTest(call=call), Daemon(tpm2=tpm_2, state_directory=state) as daemon:
                file = daemon.open()
                if running:
                    self.assertEqual(Control(file).init(), SUCCESS)
                    client_for(daemon, file).startup()
                result = Control(file).result(*call)
                self.assertEqual(f"{result:#x}", f"{RESULTS[call][running]:#x}")

    def test_tpm_2_not_running(self):
        self.check(tpm_2=True, running=False)

    def test_tpm_2_running(self):
        self.check(tpm_2=True, running=True)

    def test_tpm_1_2_not_running(self):
        self.check(tpm_2=False, running=False)

    def test_tpm_1_2_running(self):
        # A TPM 1.2 refuses data and an end of a hash sequence that was not started.
        unstarted = {("HASH_DATA", b"data"), ("HASH_END",)}
        for call in unstarted:
            self.assertNotEqual(Control(self.start_running(tpm2=False)[1]).result(*call), SUCCESS)
        self.check(tpm_2=False, running=True, calls=RESULTS.keys() - unstarted)

    def test_the_capabilities_are_the_same_in_each_state(self):
        for tpm_2 in (False, True):
            daemon = self.start(tpm2=tpm_2)
            control = Control(daemon.open())
            self.assertEqual(control.get_capability(), CAPABILITIES)
            control.init()
            self.assertEqual(control.get_capability(), CAPABILITIES)


class WrongCalls(TpmTest):
    def test_an_unknown_number_is_refused(self):
        daemon, file, _ = self.start_running()
        for number in [*range(19, 256), ptm.CALLS["SET_DATAFD"][1]]:
            for direction, size in ((0, 0), (2, 4), (3, 4), (3, 4100), (3, 16383)):
                command = ptm.ioctl_number(direction, number, size)
                self.raises_errno(errno.EINVAL, file.ioctl, command)

    def test_another_magic_is_refused(self):
        daemon, file, _ = self.start_running()
        for direction, number, size in ptm.CALLS.values():
            for magic in "\0TEp\xff":
                command = ptm.ioctl_number(direction, number, size, magic)
                self.raises_errno(errno.EINVAL, file.ioctl, command)

    def test_a_structure_of_another_size_is_refused(self):
        daemon, file, _ = self.start_running()
        for direction, number, size in ptm.CALLS.values():
            for other in {0, 1, size - 1, size + 1, size + 4, 16383} - {size}:
                command = ptm.ioctl_number(direction, number, other)
                self.raises_errno(errno.EINVAL, file.ioctl, command)

    def test_another_direction_is_refused(self):
        daemon, file, _ = self.start_running()
        for direction, number, size in ptm.CALLS.values():
            for other in {0, 1, 2, 3} - {direction}:
                command = ptm.ioctl_number(other, number, size)
                self.raises_errno(errno.EINVAL, file.ioctl, command)

    def test_a_refused_call_leaves_the_caller_and_the_tpm_alone(self):
        _, file, client = self.start_running()
        command = ptm.ioctl_number(3, ptm.CALLS["STOP"][1], 4)
        self.raises_errno(errno.EINVAL, file.ioctl, command, b"same")
        self.assertEqual(len(client.get_random(4)), 4)


class Established(TpmTest):
    def setUp(self):
        self.daemon, file, self.client = self.start_running()
        self.control = Control(file)

    def hash(self, data):
        self.assertEqual(self.control.hash_start(), SUCCESS)
        self.assertEqual(self.control.hash_data(data), SUCCESS)
        self.assertEqual(self.control.hash_end(), SUCCESS)

    def test_a_hash_sequence_sets_it_and_pcr_17(self):
        self.assertEqual(self.control.get_established(), 0)
        self.hash(b"code to measure")
        self.assertEqual(self.control.get_established(), 1)
        digest = hashlib.sha256(b"code to measure").digest()
        self.assertEqual(self.client.pcr_read(17), hashlib.sha256(bytes(32) + digest).digest())

    def test_hash_data_comes_in_parts_of_any_size(self):
        data = bytes(range(256)) * 33
        self.assertEqual(self.control.hash_start(), SUCCESS)
        position = 0
        for size in (1, 0, 4096, 63, 64, len(data)):
            part = data[position:position + min(size, ptm.HASH_DATA_MAX)]
            self.assertEqual(self.control.hash_data(part), SUCCESS)
            position += len(part)
        self.assertEqual(self.control.hash_end(), SUCCESS)
        digest = hashlib.sha256(data[:position]).digest()
        self.assertEqual(self.client.pcr_read(17), hashlib.sha256(bytes(32) + digest).digest())

    def test_localities_3_and_4_reset_it(self):
        for locality in (3, 4):
            self.hash(b"x")
            self.assertEqual(self.control.reset_established(locality), SUCCESS)
            self.assertEqual(self.control.get_established(), 0)

    def test_lower_localities_may_not(self):
        self.hash(b"x")
        for locality in (0, 1, 2):
            self.assertNotEqual(self.control.reset_established(locality), SUCCESS)
            self.assertEqual(self.control.get_established(), 1)

    def test_a_locality_that_does_not_exist_is_answered(self):
        for locality in (5, 255):
            self.assertEqual(self.control.reset_established(locality), ptm.TPM_BAD_LOCALITY)

    def test_the_reset_leaves_the_locality_that_was_set(self):
        digest = bytes(32)
        for reset in (0, 3, 4, 5):
            self.control.set_locality(2)
            self.control.reset_established(reset)
            self.assertEqual(self.client.code(tpm2.pcr_extend(20, digest)), 0)
            self.control.set_locality(0)
            self.control.reset_established(reset)
            self.assertEqual(self.client.code(tpm2.pcr_extend(20, digest)), 0x907)

    def test_a_tpm_1_2_measures_with_sha_1(self):
        _, file, client = self.start_running(tpm2=False)
        control = Control(file)
        self.assertEqual(control.get_established(), 0)
        for name, *arguments in (("HASH_START",), ("HASH_DATA", b"code"), ("HASH_END",)):
            self.assertEqual(control.result(name, *arguments), SUCCESS)
        self.assertEqual(control.get_established(), 1)
        digest = hashlib.sha1(b"code").digest()
        self.assertEqual(client.pcr_read(17), hashlib.sha1(bytes(20) + digest).digest())
        self.assertEqual(control.reset_established(3), SUCCESS)
        self.assertEqual(control.get_established(), 0)


class Localities(TpmTest):
    RC_LOCALITY = 0x907

    def test_a_locality_holds_for_the_commands_that_follow(self):
        _, file, client = self.start_running()
        control = Control(file)
        extend = tpm2.pcr_extend(20, bytes(32))
        self.assertEqual(client.code(extend), self.RC_LOCALITY)
        control.set_locality(3)
        self.assertEqual(client.code(extend), tpm2.RC_SUCCESS)
        self.assertEqual(control.set_locality(5), ptm.TPM_BAD_LOCALITY)
        self.assertEqual(client.code(extend), tpm2.RC_SUCCESS)
        control.set_locality(0)
        self.assertEqual(client.code(extend), self.RC_LOCALITY)

    def test_locality_4_can_be_rejected(self):
        _, file, client = self.start_running(options=["--locality", "reject-locality-4"])
        control = Control(file)
        self.assertEqual(control.set_locality(3), SUCCESS)
        self.assertEqual(control.set_locality(4), ptm.TPM_BAD_LOCALITY)
        self.assertEqual(client.code(tpm2.pcr_extend(20, bytes(32))), tpm2.RC_SUCCESS)
        # This sets no locality.
        self.assertEqual(control.reset_established(4), SUCCESS)

    def vendor_command(self, tpm_2, locality):
        tag = tpm2.NO_SESSIONS if tpm_2 else tpm12.TAG_COMMAND
        return struct.pack(">HIIB", tag, 11, 0x20001000, locality)

    def test_the_vendor_command_sets_it_where_that_is_allowed(self):
        for tpm_2 in (True, False):
            _, _, client = self.start_running(
                tpm2=tpm_2, options=["--locality", "allow-set-locality"])
            response = client.transmit(self.vendor_command(tpm_2, 3))
            self.assertEqual(len(response), 10)
            self.assertEqual(response[6:], bytes(4))
            if tpm_2:
                self.assertEqual(client.code(tpm2.pcr_extend(20, bytes(32))), tpm2.RC_SUCCESS)
            # What swtpm answers, too.
            self.assertEqual(client.code(self.vendor_command(tpm_2, 5)),
                             0x107 if tpm_2 else ptm.TPM_BAD_LOCALITY)

    def test_the_vendor_command_fails_where_it_is_not(self):
        for tpm_2, failure in ((True, tpm2.FAILURE_RESPONSE), (False, tpm12.FAILURE_RESPONSE)):
            _, _, client = self.start_running(tpm2=tpm_2)
            self.assertEqual(client.transmit(self.vendor_command(tpm_2, 3)), failure)


class Information(TpmTest):
    def test_get_info_gives_json_whatever_the_offsets(self):
        for tpm_2 in (True, False):
            control = Control(self.start_running(tpm2=tpm_2)[1])
            for flags in (1, 2, 4, 8, 1 | 2 | 4 | 8, 0xFF, 0):
                total, start = control.info_part(flags)
                self.assertLessEqual(len(start), min(total, ptm.INFO_PART_MAX))
                whole = control.info(flags)
                json.loads(whole)
                for offset in (1, total // 2, total - 1):
                    rest = control.info_part(flags, offset)[1].rstrip(b"\0").decode()
                    self.assertTrue(whole[offset:].startswith(rest))
                self.assertEqual(control.result("GET_INFO", flags, total),
                                 ptm.TPM_BAD_PARAMETER)

    def test_get_info_tells_what_the_tpm_is(self):
        self.assertIn('"family":"2.0"', Control(self.start_running()[1]).info(1))
        self.assertIn('"family":"1.2"', Control(self.start_running(tpm2=False)[1]).info(1))

    def test_get_config_tells_which_keys_are_set(self):
        key = self.key_file()
        for options, flags in (([], 0), (["--key", f"file={key}"], 1),
                               (["--migration-key", f"file={key}"], 2),
                               (["--key", f"file={key}", "--migration-key", f"file={key}"], 3)):
            with self.subTest(options=options):
                self.assertEqual(Control(self.start(options=options).open()).get_config(), flags)


class BufferSize(TpmTest):
    def test_it_can_be_set_within_limits_while_the_tpm_does_not_run(self):
        control = Control(self.start().open())
        _, size, minimum, maximum = control.buffer_size()
        self.assertLess(minimum, maximum)
        self.assertEqual(size, maximum)
        for wanted, got in ((minimum, minimum), (3000, 3000), (maximum, maximum),
                            (1, minimum), (0xFFFFFFFF, maximum)):
            result = control.buffer_size(wanted)
            self.assertEqual(result, (SUCCESS, got, minimum, maximum))
            self.assertEqual(control.buffer_size(), result)

    def test_it_holds_for_the_commands_that_follow(self):
        daemon = self.start()
        file = daemon.open()
        control, client = Control(file), tpm2.Tpm2(file)
        self.assertEqual(control.buffer_size(3000)[1], 3000)
        control.init()
        client.startup()
        self.assertEqual(client.property(0x11E), 3000)  # TPM_PT_MAX_COMMAND_SIZE
        self.assertEqual(control.buffer_size(4096)[0], BAD_ORDINAL)
        self.assertEqual(control.buffer_size()[:2], (SUCCESS, 3000))
