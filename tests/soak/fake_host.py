# SPDX-License-Identifier: BSD-3-Clause
"""A TPM of the soak behind the fake kernel.

A host is one TPM: `start`, `open` …, `end(how)`, `start` again …, `discard`; its state stays."""

import errno
import signal

from daemon import Daemon


class FakeHost:
    def __init__(self, version, storage_uri, options):
        self._parameters = {"tpm2": version == 2, "storage_uri": storage_uri, "options": options}
        self._daemon = None

    @property
    def pid(self):
        return self._daemon.pid

    @property
    def report(self):
        return self._daemon.report

    def start(self):
        self._daemon = Daemon(**self._parameters)
        self._daemon.start()

    def open(self):
        return self._daemon.kernel.open()

    def end(self, how):
        """SIGTERM, SIGKILL or SHUTDOWN, after all files were closed.  The daemon must have kept to
        the protocol."""
        if how == "SHUTDOWN":
            self._daemon.shut_down()
        else:
            self._daemon.signal(getattr(signal, how))
            self._daemon.wait()
        expected = -signal.SIGKILL if how == "SIGKILL" else 0
        if self._daemon.exit_code != expected:
            raise AssertionError(f"{how}: exit code {self._daemon.exit_code}\n{self.report}")
        self._daemon.close()

    def discard(self):
        if self._daemon is not None:
            self._daemon.discard()

    @staticmethod
    def interrupted_read(file, seconds):
        """A read that a signal interrupts after some time: the response, or None for EINTR."""
        read = file.submit_read()
        if not read.is_done_within(seconds):
            read.interrupt()
        try:
            return read.wait()
        except OSError as error:
            if error.errno != errno.EINTR:
                raise
            return None
