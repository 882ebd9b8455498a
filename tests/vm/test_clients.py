# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel makes of several clients, signals, poll and sudden death."""

import errno
import multiprocessing
import os
import select
import signal
import time
import unittest

import tpm2
from device import DEBIAN_IOCTL, PATIENCE, DeviceFile, Tpm, must
from ptm import Control


class Interrupted(Exception):
    """Raised by the signal handler, so that read() is not simply tried again."""


def interrupt(*_):
    raise Interrupted


def make_key(path, command, report):
    """A client of its own: sends a key creation, says so, and reports the response code."""
    with DeviceFile(path) as file:
        file.write(command)
        report.send("started")
        report.send(receive_key(file))


def receive_key(file):
    """Waits for the response of a key creation; gives its code, and frees the key's slot."""
    return free_key(file, file.read())


def free_key(file, response):
    code = tpm2.response_code(response)
    if code == tpm2.RC_SUCCESS:
        handle = int.from_bytes(response[10:14], "big")
        tpm2.Tpm2(file).run(tpm2.flush_context(handle))
    return code


class Clients(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tpm = Tpm("vtpm-clients", "--tpm2")
        cls.addClassCleanup(cls.tpm.remove)
        cls.tpm.start().initialise()
        with DeviceFile(cls.tpm.path) as file:
            tpm2.Tpm2(file).startup()

    def setUp(self):
        self.wait_for_the_channel(self.open())

    def open(self, flags=0):
        file = DeviceFile(self.tpm.path, flags)
        self.addCleanup(file.close)
        return file

    def wait_for_the_channel(self, file):
        """The command of a client that is gone runs to its end; then others may write."""
        poll = select.poll()
        poll.register(file, select.POLLOUT)
        self.assertEqual(poll.poll(PATIENCE * 1000), [(file.fileno(), select.POLLOUT)])

    def start_key_maker(self, command):
        """(the process, what it reports), once its command runs"""
        reports, report = multiprocessing.Pipe(duplex=False)
        maker = multiprocessing.Process(target=make_key, args=(self.tpm.path, command, report))
        maker.start()
        self.addCleanup(maker.join)
        self.addCleanup(maker.kill)
        self.assertEqual(reports.recv(), "started")
        return maker, reports

    def assert_works(self, file):
        self.assertEqual(len(tpm2.Tpm2(file).get_random(8)), 8)

    def assert_busy(self, file):
        with self.assertRaises(OSError) as refused:
            file.write(tpm2.get_random(8))
        self.assertEqual(refused.exception.errno, errno.EBUSY)

    # How long a key takes is a matter of chance: one may be made before its creation was cancelled,
    # interrupted or watched.
    KEYS = 10

    def test_another_process_cancels_a_key_creation(self):
        for number in range(self.KEYS):
            maker, reports = self.start_key_maker(tpm2.slow_command(b"cancelled %d" % number))
            must(DEBIAN_IOCTL, "-C", self.tpm.path)
            code = reports.recv()
            maker.join(PATIENCE)
            if code != tpm2.RC_SUCCESS:
                break
        self.assertEqual(code, tpm2.RC_CANCELED)

    def answers_while_a_key_is_made(self, control, command):
        """(seconds from the command to the key, seconds of each answer until then)"""
        begun = time.monotonic()
        maker, reports = self.start_key_maker(command)
        answers = []
        while not reports.poll():
            start = time.monotonic()
            control.get_capability()
            answers.append(time.monotonic() - start)
        seconds = time.monotonic() - begun
        self.assertEqual(reports.recv(), tpm2.RC_SUCCESS)
        maker.join(PATIENCE)
        return seconds, answers

    def test_capabilities_are_answered_while_a_key_is_made(self):
        control = Control(self.open())
        for number in range(self.KEYS):
            command = tpm2.slow_command(b"asked %d" % number, bits=2048)
            seconds, answers = self.answers_while_a_key_is_made(control, command)
            # An answer that waits for the key takes most of the time.
            if len(answers) > 2 and max(answers) < seconds / 4:
                return
        self.fail(f"{len(answers)} answers in {seconds} s, one of them in {max(answers)} s")

    def test_an_interrupted_reader_loses_nothing(self):
        file = self.open()
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        for number in range(self.KEYS):
            file.write(tpm2.slow_command(b"interrupted %d" % number, bits=2048))
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                response = file.read()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                break
            free_key(file, response)
        else:
            self.fail("no reader was interrupted")
        self.assertEqual(receive_key(file), tpm2.RC_SUCCESS)

    def test_poll_tells_when_the_response_is_there(self):
        file = self.open(os.O_NONBLOCK)
        poll = select.poll()
        poll.register(file, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        file.write(tpm2.slow_command(b"polled", bits=2048))
        self.assertEqual(poll.poll(0), [])
        with self.assertRaises(BlockingIOError):
            file.read()
        self.assertEqual(poll.poll(PATIENCE * 1000), [(file.fileno(), select.POLLIN)])
        self.assertEqual(receive_key(file), tpm2.RC_SUCCESS)
        self.assertEqual(poll.poll(0), [])

    def test_the_first_writer_has_the_command_channel_until_it_closes(self):
        first, second = DeviceFile(self.tpm.path), self.open()
        self.assert_works(first)
        self.assert_busy(second)
        Control(second).get_capability()
        first.close()
        self.assert_works(second)

    def test_a_client_killed_in_mid_command_harms_nobody(self):
        maker, _ = self.start_key_maker(tpm2.slow_command(b"killed"))
        maker.kill()
        maker.join(PATIENCE)
        file = self.open()
        self.assert_busy(file)
        self.wait_for_the_channel(file)
        self.assert_works(file)

    def test_a_response_read_by_half_is_forgotten_with_its_client(self):
        with DeviceFile(self.tpm.path) as file:
            file.write(tpm2.get_random(8))
            self.assertEqual(len(file.read(5)), 5)
        file = self.open()
        file.write(tpm2.get_random(8))
        self.assertEqual(len(file.read(5)), 5)
        self.assertEqual(len(file.read()), 15)


if __name__ == "__main__":
    unittest.main()
