# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel makes of several clients, signals, poll and sudden death."""

import errno
import os
import select
import signal
import subprocess
import sys
import time
import unittest

from device import DEBIAN_IOCTL, PATIENCE, Tpm, must
from tpm_client import (TPM2_GET_RANDOM_8, TPM2_STARTUP_CLEAR, TPM_RC_CANCELED, TpmClient,
                        response_code, tpm2_create_primary_rsa, tpm2_flush_context)

# A client of its own: it starts a key creation, says so, and waits for the key.
KEY_MAKER = """\
import sys
from tpm_client import *
client = TpmClient(sys.argv[1])
client.send(tpm2_create_primary_rsa(sys.argv[2].encode(), int(sys.argv[3])))
print("started", flush=True)
response = client.receive()
print(response_code(response))
if response_code(response) == 0:
    client.transmit(tpm2_flush_context(response))
"""


class Interrupted(Exception):
    """Raised by the signal handler, so that read() is not simply tried again."""


def interrupt(*_):
    raise Interrupted


class Clients(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tpm = Tpm("vtpm-clients", "--tpm2")
        cls.addClassCleanup(cls.tpm.remove)
        cls.tpm.start().initialise()
        with TpmClient(cls.tpm.path) as client:
            client.transmit(TPM2_STARTUP_CLEAR)

    def setUp(self):
        self.wait_for_the_channel(self.open())

    def open(self, flags=0):
        client = TpmClient(self.tpm.path, flags)
        self.addCleanup(client.close)
        return client

    def wait_for_the_channel(self, client):
        """The command of a client that is gone runs to its end; then others may write."""
        poll = select.poll()
        poll.register(client.fd, select.POLLOUT)
        self.assertEqual(poll.poll(PATIENCE * 1000), [(client.fd, select.POLLOUT)])

    def start_key_maker(self, unique, bits=2048):
        maker = subprocess.Popen([sys.executable, "-c", KEY_MAKER, self.tpm.path, unique, str(bits)],
                                 cwd=os.path.dirname(__file__), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(maker.stdout.close)
        self.addCleanup(maker.wait, PATIENCE)
        self.addCleanup(maker.kill)
        self.assertEqual(maker.stdout.readline(), "started\n")
        return maker

    def assert_key(self, client):
        """The response that waits is that of a key creation that went well."""
        response = client.receive()
        self.assertEqual(response_code(response), 0)
        client.transmit(tpm2_flush_context(response))

    def assert_works(self, client):
        self.assertEqual(response_code(client.transmit(TPM2_GET_RANDOM_8)), 0)

    def test_another_process_cancels_a_key_creation(self):
        other = self.open()
        maker = self.start_key_maker("cancelled", bits=3072)
        must(DEBIAN_IOCTL, "-C", self.tpm.path)
        self.assertEqual(int(maker.stdout.readline()), TPM_RC_CANCELED)
        self.assertEqual(maker.wait(PATIENCE), 0)
        self.assert_works(other)

    def test_capabilities_are_answered_while_a_key_is_made(self):
        other = self.open()
        maker = self.start_key_maker("capabilities")
        answered = 0
        while not select.select([maker.stdout], [], [], 0)[0]:
            start = time.monotonic()
            other.capabilities()
            self.assertLess(time.monotonic() - start, 1)
            answered += 1
        self.assertGreater(answered, 2)
        self.assertEqual(int(maker.stdout.readline()), 0)

    def test_an_interrupted_reader_loses_nothing(self):
        client = self.open()
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        client.send(tpm2_create_primary_rsa(b"interrupted"))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with self.assertRaises(Interrupted):
            client.receive()
        self.assert_key(client)

    def test_poll_tells_when_the_response_is_there(self):
        client = self.open(os.O_NONBLOCK)
        poll = select.poll()
        poll.register(client.fd, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        client.send(tpm2_create_primary_rsa(b"polled"))
        self.assertEqual(poll.poll(0), [])
        with self.assertRaises(BlockingIOError):
            client.receive()
        self.assertEqual(poll.poll(PATIENCE * 1000), [(client.fd, select.POLLIN)])
        self.assert_key(client)
        self.assertEqual(poll.poll(0), [])

    def test_the_first_writer_has_the_command_channel_until_it_closes(self):
        first, second = TpmClient(self.tpm.path), self.open()
        self.assert_works(first)
        with self.assertRaises(OSError) as refused:
            second.send(TPM2_GET_RANDOM_8)
        self.assertEqual(refused.exception.errno, errno.EBUSY)
        second.capabilities()
        first.close()
        self.assert_works(second)

    def test_a_client_killed_in_mid_command_harms_nobody(self):
        maker = self.start_key_maker("killed")
        maker.kill()
        maker.wait(PATIENCE)
        client = self.open()
        with self.assertRaises(OSError) as refused:
            client.send(TPM2_GET_RANDOM_8)
        self.assertEqual(refused.exception.errno, errno.EBUSY)
        self.wait_for_the_channel(client)
        self.assert_works(client)

    def test_a_client_killed_in_mid_response_harms_nobody(self):
        half = TpmClient(self.tpm.path)
        half.send(TPM2_GET_RANDOM_8)
        self.assertEqual(len(half.receive(5)), 5)
        half.close()
        whole = self.open()
        whole.send(TPM2_GET_RANDOM_8)
        self.assertEqual(len(whole.receive(5)), 5)
        self.assertEqual(len(whole.receive()), 15)


if __name__ == "__main__":
    unittest.main()
