# SPDX-License-Identifier: BSD-3-Clause
"""poll() in each state of the device (core/device/session.h)."""

import errno
import select

import ptm
import tpm2
from ptm import Control
from tpm_test import MOMENT, SlowCommand, TpmTest

IN, OUT = select.POLLIN, select.POLLOUT
IN_NORMAL, OUT_NORMAL = select.POLLRDNORM, select.POLLWRNORM
BOTH = IN | OUT


class Poll(TpmTest):
    def test_a_fresh_device_takes_commands_and_has_nothing_to_read(self):
        file = self.start().open()
        self.assertEqual(file.poll(BOTH), OUT)

    def test_a_response_is_there_until_it_was_read_whole(self):
        _, file, _ = self.start_running()
        file.write(tpm2.get_random(4))
        self.assertEqual(file.poll(BOTH), BOTH)
        file.read(15)
        self.assertEqual(file.poll(BOTH), BOTH)
        file.read(1)
        self.assertEqual(file.poll(BOTH), OUT)

    def test_the_normal_data_events_go_along(self):
        _, file, _ = self.start_running()
        self.assertEqual(file.poll(BOTH | IN_NORMAL | OUT_NORMAL), OUT | OUT_NORMAL)
        file.write(tpm2.get_random(4))
        self.assertEqual(file.poll(IN_NORMAL), IN_NORMAL)

    def test_another_opener_can_do_nothing_while_the_channel_has_an_owner(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()
        file.write(tpm2.get_random(4))
        self.assertEqual(other.poll(BOTH), 0)
        self.assertEqual(other.poll(BOTH, MOMENT), 0)

    def test_another_opener_wakes_when_the_owner_closes(self):
        daemon, file, client = self.start_running()
        client.get_random(4)
        poll = daemon.open().submit_poll(OUT)
        self.assertFalse(poll.is_done_within(MOMENT))
        file.close()
        self.assertEqual(poll.wait(), OUT)

    def test_a_failure_response_before_init_can_be_polled_for(self):
        file = self.start().open()
        file.write(tpm2.startup())
        self.assertEqual(file.poll(IN), IN)

    def test_nothing_holds_while_a_command_runs(self):
        _, file, _ = self.start_running()
        slow = SlowCommand(file)
        events, read = slow.during(lambda read: file.poll(BOTH))
        self.assertEqual(events, 0)
        slow.finish(read)

    def test_the_end_of_a_command_wakes_a_poll(self):
        _, file, _ = self.start_running()
        for unique in range(50):
            file.write(tpm2.slow_command(bytes([unique])))
            poll = file.submit_poll(IN)
            if not poll.is_done_within(0):
                break
            tpm2_response = file.read()
            file.write(tpm2.flush_context(int.from_bytes(tpm2_response[10:14], "big")))
            file.read()
        self.assertEqual(poll.wait(), IN)
        self.assertEqual(tpm2.response_code(file.read()), tpm2.RC_SUCCESS)

    def test_the_end_of_a_command_wakes_several_pollers(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()

        def poll_both(_):
            return [file.submit_poll(OUT), file.submit_poll(OUT)]

        slow = SlowCommand(file)
        polls, read = slow.during(poll_both)
        slow.finish(read)
        self.assertEqual([poll.wait() for poll in polls], [OUT, OUT])
        self.assertEqual(other.poll(BOTH), 0)

    def test_a_write_wakes_a_poll_for_its_response(self):
        _, file, _ = self.start_running()
        poll = file.submit_poll(IN)
        self.assertFalse(poll.is_done_within(MOMENT))
        file.write(tpm2.get_random(4))
        self.assertEqual(poll.wait(), IN)

    def test_a_poll_waits_again_after_it_was_woken(self):
        _, file, _ = self.start_running()
        for _ in range(3):
            poll = file.submit_poll(IN)
            self.assertFalse(poll.is_done_within(MOMENT))
            file.write(tpm2.get_random(4))
            self.assertEqual(poll.wait(), IN)
            file.read()

    def test_an_interrupted_poll_leaves_nothing_behind(self):
        _, file, _ = self.start_running()
        poll = file.submit_poll(IN)
        self.assertFalse(poll.is_done_within(MOMENT))
        poll.interrupt()
        self.raises_errno(errno.EINTR, poll.wait)
        file.write(tpm2.get_random(4))
        self.assertEqual(file.poll(IN), IN)

    def test_a_poll_of_a_closed_file_ends_with_it(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()
        poll = other.submit_poll(IN)
        self.assertFalse(poll.is_done_within(MOMENT))
        other.kill()
        self.raises_errno(errno.EINTR, poll.wait)
        file.write(tpm2.get_random(4))
        self.assertEqual(len(file.read()), 16)

    def test_a_blob_that_is_being_fetched_can_be_read(self):
        daemon, _, _ = self.start_running()
        other = daemon.open()
        Control(other).blob_part(ptm.VOLATILE)
        self.assertEqual(other.poll(IN), IN)
        while other.read():
            pass
        self.assertEqual(other.poll(IN), 0)

    def test_an_upload_takes_bytes_only_while_a_write_would_give_them_to_it(self):
        daemon = self.start()
        file, other = daemon.open(), daemon.open()
        self.assertEqual(Control(file).set_blob_part(ptm.PERMANENT, 0, b""), ptm.SUCCESS)
        other.write(tpm2.startup())
        self.assertEqual(file.poll(OUT), OUT)
        self.assertEqual(Control(other).init(), ptm.SUCCESS)
        self.assertEqual(file.poll(OUT), 0)
        self.raises_errno(errno.EBUSY, file.write, tpm2.startup())

    def test_another_openers_stop_and_init_wake_a_poll(self):
        daemon = self.start()
        file, other = daemon.open(), daemon.open()
        self.assertEqual(Control(file).set_blob_part(ptm.PERMANENT, 0, b""), ptm.SUCCESS)
        self.assertEqual(Control(other).init(), ptm.SUCCESS)
        third = daemon.open()
        tpm2.Tpm2(third).startup()
        # The third owns the command channel, so a write here would be refused, until the TPM stops
        # and the write belongs to the blob.
        poll = file.submit_poll(OUT)
        self.assertFalse(poll.is_done_within(MOMENT))
        self.assertEqual(Control(other).stop(), ptm.SUCCESS)
        self.assertEqual(poll.wait(), OUT)

    def test_the_end_of_the_daemon_wakes_a_poll(self):
        daemon, file, _ = self.start_running()
        poll = file.submit_poll(IN)
        self.assertFalse(poll.is_done_within(MOMENT))
        daemon.shut_down()
        self.assertEqual(poll.wait(), select.POLLERR)
