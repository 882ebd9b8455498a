# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that may fail at any moment, and a client that does not wait for ever."""

import os
import subprocess
import time

from daemon import IS_SANITIZED, Daemon
from fake_kernel import FakeKernel

# Within this time each call is answered and each end is reached, in seconds.
LIMIT = 30 if IS_SANITIZED else 8


class Hang(Exception):
    """Something did not happen within the limit."""


class FaultyDaemon(Daemon):
    """`start_or_end` in place of `start`; `said` is what it had said when it was discarded."""

    said = ""

    @property
    def log(self):
        """The one that was renamed, too: what fails before the next is opened is told there."""
        return self._text("log.1") + super().log

    def discard(self):
        if os.path.isdir(self.directory):
            self.said = self.report
        self._find_child()
        super().discard()

    def _find_child(self):
        """One in the background that hangs before it has written its pid."""
        if self._process is None or self.pid is not None or self._process.poll() is not None:
            return
        parent = self._process.pid
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            children = file.read().split()
        if children:
            self.pid = int(children[0])

    def inject(self, injector):
        self.environment.update(injector.environment)
        # The sanitizer's own functions are what the injector's lead to.
        self.environment["ASAN_OPTIONS"] = (
            f"log_path={self.directory}/sanitizer:exitcode=99:detect_leaks=1:"
            f"verify_asan_link_order=0")

    def start_or_end(self):
        """Whether the daemon has made its device, and not ended."""
        self.kernel = FakeKernel()
        self.kernel.set_timeout(LIMIT)
        self._launch()
        self.kernel.close_server_fd()
        try:
            self.kernel.wait_device(LIMIT)
        except TimeoutError as error:
            raise Hang("neither a device nor an end") from error
        except OSError:
            self._wait_process("no device, and no end of the process")
            return False
        if self.background:
            return self._is_in_background()
        return self._has_written_pid()

    def is_alive(self):
        return self._process.poll() is None and not self.kernel.is_gone

    def wait_end(self):
        """The exit code."""
        try:
            return self.wait(LIMIT)
        except (subprocess.TimeoutExpired, TimeoutError) as error:
            raise Hang("the process does not end") from error

    def _wait_process(self, without):
        try:
            self.exit_code = self._process.wait(LIMIT)
        except subprocess.TimeoutExpired as error:
            raise Hang(without) from error

    def _is_in_background(self):
        self._wait_process("a device, and no end of the process in the foreground")
        if self.exit_code != 0:
            return False
        self.exit_code = None  # that of the process in the background is to come
        self._pid_from_file()
        return True

    def _pid_is_there(self):
        try:
            return self._pid_from_file() is not None
        except FileNotFoundError:
            return False

    def _has_written_pid(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self._pid_is_there():
                return True
            if self._process.poll() is not None:
                self.exit_code = self._process.returncode
                return False
            time.sleep(0.001)
        raise Hang("no pid file, and no end of the process")
