# SPDX-License-Identifier: BSD-3-Clause
"""What the black-box tests of the daemon share."""

import functools
import os
import tempfile
import time
import unittest

import tpm12
import tpm2
from daemon import Daemon
from ptm import SUCCESS, Control

# Long enough for a quick answer to arrive, short against any key creation's retries.
MOMENT = 0.05


class TpmTest(unittest.TestCase):
    """Daemons of a test end with it, and their ends are checked."""

    def start(self, **parameters):
        """A daemon whose TPM is not initialised."""
        return self.enterContext(Daemon(**parameters))

    def start_initialised(self, tpm2=True, **parameters):
        """(daemon, file, client): after INIT, before Startup."""
        daemon = self.start(tpm2=tpm2, **parameters)
        file = daemon.open()
        self.assertEqual(Control(file).init(), SUCCESS)
        return daemon, file, client_for(daemon, file)

    def start_running(self, **parameters):
        """(daemon, file, client): after Startup(CLEAR)."""
        daemon, file, client = self.start_initialised(**parameters)
        client.startup()
        return daemon, file, client

    def directory(self):
        """A directory of the test's own."""
        return self.enterContext(tempfile.TemporaryDirectory(prefix="swtpm-cuse-test."))

    def key_file(self, digits="0123456789abcdef" * 2):
        path = os.path.join(self.directory(), "key")
        with open(path, "w", encoding="ascii") as file:
            file.write(digits)
        os.chmod(path, 0o600)
        return path

    def raises_errno(self, number, call, *arguments):
        with self.assertRaises(OSError) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.errno, number, raised.exception)


def client_for(daemon, file):
    return tpm2.Tpm2(file) if daemon.tpm2 else tpm12.Tpm12(file)


class TooSoon(AssertionError):
    """A key was made before the test had done what it wanted to do meanwhile."""


def repeated_if_too_soon(test):
    """For tests whose action stops the TPM, so that it cannot be repeated on the same daemon."""
    @functools.wraps(test)
    def repeat(self):
        for _ in range(4):
            try:
                return test(self)
            except TooSoon:
                pass
        return test(self)
    return repeat


class SlowCommand:
    """A TPM 2 key creation that runs while a test does something else.

    How long it takes is a matter of chance, and some are over too soon; so the test's action is
    repeated until one was done while the key was being made.
    """

    ATTEMPTS = 40

    def __init__(self, file):
        self.file = file

    def during(self, action):
        """Starts a key creation and calls action(read), where `read` is the Pending read of the
        response.  Returns what that gave, and the read, which had not ended then."""
        for _ in range(self.ATTEMPTS):
            try:
                self.file.write(tpm2.slow_command(b"%d" % time.monotonic_ns()))
            except ConnectionError as error:
                raise TooSoon("the daemon has ended") from error
            read = self.file.submit_read()
            value = action(read)
            try:
                self._forget_key(read.wait(0))
            except TimeoutError:
                return value, read
            self._await(value)
        raise TooSoon(f"{self.ATTEMPTS} key creations were all over too soon")

    def finish(self, read):
        """The response of the command, when it is there; the key is dropped."""
        response = read.wait()
        self._forget_key(response)
        return response

    def _forget_key(self, response):
        if tpm2.response_code(response) == tpm2.RC_SUCCESS:
            self.file.write(tpm2.flush_context(int.from_bytes(response[10:14], "big")))
            self.file.read()

    @staticmethod
    def _await(value):
        """Calls that an action has left in flight end before the next attempt."""
        for pending in value if isinstance(value, (list, tuple)) else [value]:
            if hasattr(pending, "wait"):
                pending.wait()
