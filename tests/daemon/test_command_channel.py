# SPDX-License-Identifier: BSD-3-Clause
"""The command channel: write and read (core/device/session.h)."""

import errno
import os
import signal

import tpm12
import tpm2
from ptm import Control
from tpm_test import SlowCommand, TpmTest

COMMAND_MAX = 4096


class Commands(TpmTest):
    def test_a_write_takes_a_command_and_a_read_gives_its_response(self):
        _, file, _ = self.start_running()
        command = tpm2.get_random(16)
        self.assertEqual(file.write(command), len(command))
        response = file.read()
        self.assertEqual(len(response), 10 + 2 + 16)
        self.assertEqual(tpm2.response_code(response), tpm2.RC_SUCCESS)

    def test_a_short_read_leaves_the_rest_for_the_next(self):
        _, file, _ = self.start_running()
        file.write(tpm2.pcr_read(0))
        whole = file.read()
        file.write(tpm2.pcr_read(0))
        parts = [file.read(size) for size in (1, 9, 10, 1)]
        self.assertEqual([len(part) for part in parts], [1, 9, 10, 1])
        self.assertEqual(b"".join(parts) + file.read(), whole)

    def test_a_read_after_the_response_gives_nothing(self):
        _, file, _ = self.start_running()
        file.write(tpm2.get_random(1))
        file.read()
        self.assertEqual(file.read(), b"")

    def test_a_read_before_any_command_gives_nothing(self):
        file = self.start().open()
        self.assertEqual(file.read(), b"")

    def test_a_new_write_discards_what_is_unread(self):
        _, file, _ = self.start_running()
        file.write(tpm2.pcr_read(0))
        file.read(5)
        file.write(tpm2.get_random(2))
        response = file.read()
        self.assertEqual(len(response), 14)
        self.assertEqual(file.read(), b"")

    def test_a_write_without_a_read_in_between_is_fine(self):
        _, file, client = self.start_running()
        for _ in range(10):
            file.write(tpm2.get_random(3))
        self.assertEqual(len(client.get_random(7)), 7)

    def test_a_large_read_gives_one_response(self):
        _, file, _ = self.start_running()
        file.write(tpm2.get_random(16))
        self.assertEqual(len(file.read(300_000)), 28)

    def test_o_nonblock_changes_nothing_when_the_response_is_there(self):
        _, file, _ = self.start_running()
        file.set_nonblocking(True)
        file.write(tpm2.get_random(4))
        self.assertEqual(len(file.read()), 16)
        self.assertEqual(file.read(), b"")

    def test_the_longest_command_reaches_the_tpm(self):
        _, file, _ = self.start_running()
        self.assertEqual(file.write(tpm2.command(0x17B, bytes(COMMAND_MAX - 10))), COMMAND_MAX)
        self.assertNotIn(tpm2.response_code(file.read()), (tpm2.RC_SUCCESS, tpm2.RC_FAILURE))

    def test_a_command_over_4096_bytes_is_refused_and_changes_nothing(self):
        _, file, _ = self.start_running()
        for size in (COMMAND_MAX + 1, 8192, 65536, 200_000):
            with self.subTest(size=size):
                file.write(tpm2.get_random(4))
                start = file.read(6)
                self.raises_errno(errno.E2BIG, file.write, bytes(size))
                self.assertEqual(len(start + file.read()), 16)


class NotInitialised(TpmTest):
    def test_before_init_a_tpm_2_answers_with_failure(self):
        file = self.start().open()
        for command in (tpm2.startup(), tpm2.get_random(4), b"x", tpm2.slow_command()):
            self.assertEqual(file.write(command), len(command))
            self.assertEqual(file.read(), tpm2.FAILURE_RESPONSE)

    def test_before_init_a_tpm_1_2_answers_with_failure(self):
        file = self.start(tpm2=False).open()
        for command in (tpm12.startup(), tpm12.get_random(4), b"x"):
            self.assertEqual(file.write(command), len(command))
            self.assertEqual(file.read(), tpm12.FAILURE_RESPONSE)

    def test_before_startup_the_tpm_itself_refuses(self):
        _, _, client = self.start_initialised()
        self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)
        _, _, client = self.start_initialised(tpm2=False)
        self.assertEqual(client.code(tpm12.pcr_read(0)), tpm12.TPM_INVALID_POSTINIT)

    def test_after_stop_the_tpm_answers_with_failure(self):
        _, file, client = self.start_running()
        self.assertEqual(Control(file).stop(), 0)
        self.assertEqual(client.transmit(tpm2.get_random(4)), tpm2.FAILURE_RESPONSE)

    def test_a_response_from_before_stop_can_still_be_read(self):
        _, file, _ = self.start_running()
        file.write(tpm2.get_random(16))
        start = file.read(10)
        Control(file).stop()
        self.assertEqual(len(start + file.read()), 28)


class Openers(TpmTest):
    def test_the_first_writer_owns_the_channel_until_it_closes(self):
        daemon, first, _ = self.start_running()
        second = daemon.open()
        first.write(tpm2.get_random(4))
        self.raises_errno(errno.EBUSY, second.write, tpm2.get_random(4))
        self.assertEqual(len(first.read()), 16)
        self.raises_errno(errno.EBUSY, second.write, tpm2.get_random(4))
        first.close()
        second.write(tpm2.get_random(6))
        self.assertEqual(len(second.read()), 18)

    def test_an_opener_that_never_wrote_does_not_hold_the_channel(self):
        daemon, first, _ = self.start_running()
        first.close()
        daemon.open()
        second = daemon.open()
        second.write(tpm2.get_random(4))
        self.assertEqual(len(second.read()), 16)

    def test_another_opener_reads_nothing_of_the_response(self):
        daemon, first, _ = self.start_running()
        second = daemon.open()
        first.write(tpm2.get_random(4))
        self.assertEqual(second.read(), b"")
        self.assertEqual(len(first.read()), 16)

    def test_the_next_owner_reads_nothing_of_the_last_ones_response(self):
        daemon, first, _ = self.start_running()
        first.write(tpm2.get_random(4))
        first.close()
        second = daemon.open()
        self.assertEqual(second.read(), b"")

    def test_a_refused_write_of_another_opener_leaves_the_response_alone(self):
        daemon, first, _ = self.start_running()
        second = daemon.open()
        first.write(tpm2.get_random(4))
        self.raises_errno(errno.EBUSY, second.write, tpm2.get_random(8))
        self.assertEqual(len(first.read()), 16)

    def test_other_openers_may_use_control_calls(self):
        daemon, first, _ = self.start_running()
        first.write(tpm2.get_random(4))
        control = Control(daemon.open())
        self.assertNotEqual(control.get_capability(), 0)
        self.assertGreater(len(control.get_blob(1)[1]), 100)
        self.assertEqual(len(first.read()), 16)

    def test_many_openers_at_once(self):
        daemon, _, _ = self.start_running()
        for file in [daemon.open() for _ in range(200)]:
            Control(file).get_capability()
            file.close()

    def test_read_only_and_write_only_opens_work(self):
        daemon, first, _ = self.start_running()
        first.close()
        self.assertEqual(daemon.open(os.O_RDONLY).read(), b"")
        daemon.open(os.O_WRONLY).write(tpm2.get_random(4))


class WhileACommandRuns(TpmTest):
    def test_a_write_is_refused_and_the_command_goes_on(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()

        def write_again(_):
            self.raises_errno(errno.EBUSY, file.write, tpm2.get_random(4))
            self.raises_errno(errno.EBUSY, other.write, tpm2.get_random(4))
            self.raises_errno(errno.E2BIG, file.write, bytes(COMMAND_MAX + 1))

        slow = SlowCommand(file)
        _, read = slow.during(write_again)
        self.assertEqual(tpm2.response_code(slow.finish(read)), tpm2.RC_SUCCESS)

    def test_a_read_waits_for_the_response(self):
        _, file, _ = self.start_running()
        slow = SlowCommand(file)
        _, read = slow.during(lambda read: None)
        self.assertEqual(tpm2.response_code(slow.finish(read)), tpm2.RC_SUCCESS)

    def test_a_nonblocking_read_gives_eagain(self):
        _, file, _ = self.start_running()

        def read_without_waiting(_):
            file.set_nonblocking(True)
            self.raises_errno(errno.EAGAIN, file.read)
            file.set_nonblocking(False)

        slow = SlowCommand(file)
        _, read = slow.during(read_without_waiting)
        slow.finish(read)

    def test_an_interrupted_read_gives_eintr_and_loses_nothing(self):
        _, file, _ = self.start_running()

        def interrupt_another(_):
            second = file.submit_read()
            second.interrupt()
            self.raises_errno(errno.EINTR, second.wait)

        slow = SlowCommand(file)
        _, read = slow.during(interrupt_another)
        read.interrupt()
        try:
            response = read.wait()
        except InterruptedError:
            response = file.read()
        self.assertEqual(tpm2.response_code(response), tpm2.RC_SUCCESS)
        self.assertEqual(int.from_bytes(response[2:6], "big"), len(response))

    def test_two_parked_reads_share_the_response(self):
        _, file, _ = self.start_running()
        slow = SlowCommand(file)
        second, first = slow.during(lambda read: file.submit_read())
        whole = first.wait() + second.wait()
        self.assertEqual(int.from_bytes(whole[2:6], "big"), len(whole))

    def test_a_short_parked_read_leaves_the_rest(self):
        _, file, _ = self.start_running()
        for _ in range(20):
            file.write(tpm2.slow_command())
            start = file.submit_read(10)
            if not start.is_done_within(0):
                break
        start = start.wait()
        self.assertEqual(len(start), 10)
        self.assertEqual(int.from_bytes(start[2:6], "big"), 10 + len(file.read()))

    def test_another_opener_reads_nothing_and_does_not_wait(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()
        slow = SlowCommand(file)
        value, read = slow.during(lambda read: other.read())
        self.assertEqual(value, b"")
        slow.finish(read)

    def test_when_the_owner_is_killed_the_command_ends_and_the_next_can_write(self):
        daemon, file, _ = self.start_running()
        _, read = SlowCommand(file).during(lambda read: None)
        file.kill()
        self.raises_errno(errno.EINTR, read.wait)
        other = daemon.open()
        # The killed client's command goes on to its end, and its key is the TPM's.
        self._write_when_free(other, tpm2.get_random(4))
        self.assertEqual(len(other.read()), 16)

    def _write_when_free(self, file, command):
        poll = file.submit_poll(4)
        self.assertEqual(poll.wait(), 4)
        file.write(command)

    def test_a_client_that_closes_gives_the_channel_up_when_its_command_ends(self):
        daemon, file, _ = self.start_running()
        file.write(tpm2.slow_command())
        file.close()
        other = daemon.open()
        self._write_when_free(other, tpm2.get_random(4))
        self.assertEqual(len(other.read()), 16)

    def test_sigterm_lets_the_command_end(self):
        daemon, file, _ = self.start_running()
        control = Control(daemon.open())
        file.write(tpm2.slow_command())
        read = file.submit_read()
        control.get_capability()  # the read was taken in by then
        daemon.signal(signal.SIGTERM)
        self.assertEqual(tpm2.response_code(read.wait()), tpm2.RC_SUCCESS)
        self.assertEqual(daemon.wait(), 0)
