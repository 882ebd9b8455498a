# SPDX-License-Identifier: BSD-3-Clause
"""Commands that no honest client sends, and reads of odd sizes."""

import random
import struct

import tpm12
import tpm2
from tpm_test import TpmTest

COMMAND_MAX = 4096
SIZES = (1, 2, 5, 6, 9, 10, 11, 12, 13, 63, 64, 65, 1000, 4095, 4096)


class HostileCommands(TpmTest):
    def setUp(self):
        self.tpms = {True: self.start_running(), False: self.start_running(tpm2=False)}

    def check_alive(self, tpm_2):
        _, _, client = self.tpms[tpm_2]
        self.assertEqual(len(client.get_random(4)), 4)

    def check_response(self, tpm_2, command):
        """The TPM answers with a whole response, whatever it says."""
        _, file, _ = self.tpms[tpm_2]
        self.assertEqual(file.write(command), len(command))
        response = file.read()
        self.assertGreaterEqual(len(response), 10)
        _, size, code = struct.unpack_from(">HII", response)
        self.assertEqual(size, len(response))
        return code

    def test_commands_of_every_size_from_1_to_30_and_some_more(self):
        for tpm_2 in (True, False):
            command = (tpm2.get_random(4) if tpm_2 else tpm12.get_random(4)) + bytes(COMMAND_MAX)
            for size in (*range(1, 30), *SIZES):
                if size != (12 if tpm_2 else 14):
                    self.assertNotEqual(self.check_response(tpm_2, command[:size]), 0, size)
            self.check_alive(tpm_2)

    def test_a_size_field_that_lies(self):
        for tpm_2 in (True, False):
            honest = tpm2.get_random(4) if tpm_2 else tpm12.get_random(4)
            for lie in (0, 1, 9, 10, len(honest) - 1, len(honest) + 1, 4096, 4097, 0x7FFFFFFF,
                        0x80000000, 0xFFFFFFFF):
                command = honest[:2] + struct.pack(">I", lie) + honest[6:]
                self.assertNotEqual(self.check_response(tpm_2, command), 0, lie)
            self.check_alive(tpm_2)

    def test_tags_and_ordinals_that_do_not_exist(self):
        for tpm_2 in (True, False):
            for tag in (0, 0x80, 0x00C1, 0x00C2, 0x00C4, 0x8001, 0x8002, 0x8003, 0xFFFF):
                for ordinal in (0, 1, 0x11E, 0x20000000, 0x20001000, 0x7FFFFFFF, 0xFFFFFFFF):
                    command = struct.pack(">HII", tag, 10, ordinal)
                    self.assertNotEqual(self.check_response(tpm_2, command), 0)
            self.check_alive(tpm_2)

    def test_inner_sizes_that_lie(self):
        lies = (0xFFFF, 0x8000, 4096, 200)
        for lie in lies:
            for command in (tpm2.create_primary(tpm2.ecc_storage_template()),
                            tpm2.nv_define(0x1500001, 5), tpm2.pcr_extend(1, bytes(32))):
                for position in range(10, len(command) - 1):
                    bad = command[:position] + struct.pack(">H", lie) + command[position + 2:]
                    self.check_response(True, bad)
        self.check_alive(True)

    def test_random_commands_with_a_true_header(self):
        generator = random.Random(1)
        for tpm_2 in (True, False):
            for _ in range(2000):
                body = generator.randbytes(generator.choice((0, 2, 4, 20, 100)))
                ordinal = (generator.randrange(0x11F, 0x194) if tpm_2 else
                           generator.randrange(0x0A, 0xF2))
                tag = generator.choice((0x8001, 0x8002) if tpm_2 else (0xC1, 0xC2, 0xC3))
                # Orderly ends and clearing are other tests' business.
                self.check_response(tpm_2, struct.pack(">HII", tag, 10 + len(body), ordinal) + body)


class OddReads(TpmTest):
    def test_reads_of_any_size_give_the_same_response(self):
        _, file, _ = self.start_running()
        file.write(tpm2.pcr_read(0))
        whole = file.read()
        for size in SIZES:
            file.write(tpm2.pcr_read(0))
            got = b""
            while part := file.read(size):
                self.assertLessEqual(len(part), size)
                got += part
            self.assertEqual(got, whole, size)

    def test_a_read_larger_than_the_kernels_limit_is_no_harm(self):
        _, file, _ = self.start_running()
        for size in (131072, 131073, 1 << 20):
            file.write(tpm2.pcr_read(0))
            self.assertGreater(len(file.read(size)), 10)
