# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that may fail at any moment, and a client that does not wait for ever."""

import contextlib
import os
import signal
import socket
import subprocess
import time

from daemon import IS_SANITIZED, Daemon
from fake_kernel import FakeKernel

# Within this time each call is answered and each end is reached, in seconds.  Far more than any
# takes: on a machine that is busy with more urgent things they all do.
LIMIT = 60
# seccomp_load(3) does not end after some failed allocations of its own; this is how long it may
# take to show that.
SECCOMP_LIMIT = 30 if IS_SANITIZED else 8


class Hang(Exception):
    """Something did not happen within the limit."""


class FaultyDaemon(Daemon):
    """`start_or_end` in place of `start`; `said` is what it had said when it was discarded.

    Whether a daemon that has ended was ready before is what its report to the service manager says:
    that lies in the socket, however fast the end came."""

    said = ""
    _manager = None
    _injector = None

    @property
    def log(self):
        """The one that was renamed, too: what fails before the next is opened is told there."""
        return self._text("log.1") + super().log

    def discard(self):
        if os.path.isdir(self.directory):
            self.said = self.report
        self._find_child()
        super().discard()
        if self._manager is not None:
            self._manager.close()

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
        self._injector = injector
        self.environment.update(injector.environment)
        # The sanitizer's own functions are what the injector's lead to.
        self.environment["ASAN_OPTIONS"] = (
            f"log_path={self.directory}/sanitizer:exitcode=99:detect_leaks=1:"
            f"verify_asan_link_order=0")

    def start_or_end(self):
        """Whether the daemon was ready: it may have ended since."""
        self._listen()
        self.kernel = FakeKernel()
        self.kernel.set_timeout(LIMIT)
        self._launch()
        self.kernel.close_server_fd()
        try:
            self._wait_device()
        except TimeoutError as error:
            raise Hang("neither a device nor an end") from error
        except OSError:
            self._wait_process("no device, and no end of the process")
            return False
        return self._is_in_background() if self.background else self._is_ready()

    def _wait_device(self):
        try:
            self.kernel.wait_device(SECCOMP_LIMIT)
        except TimeoutError:
            if self._injector is not None and self._injector.has_starved("libseccomp."):
                raise
            self.kernel.wait_device(LIMIT)

    @contextlib.contextmanager
    def held(self):
        """The process does nothing meanwhile."""
        is_held = self.exit_code is None and (self.background or self._process.poll() is None)
        if is_held:
            self.signal(signal.SIGSTOP)
            self._await(lambda: self._state() in "TtZX", "stop of the process", LIMIT)
        try:
            yield
        finally:
            if is_held:
                self.signal(signal.SIGCONT)

    def _state(self):
        """As ps(1) shows it."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

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

    def _listen(self):
        """As a service manager."""
        path = os.path.join(self.directory, "notify")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.setblocking(False)
        self._manager.bind(path)
        self.environment["NOTIFY_SOCKET"] = path

    def _has_reported(self):
        """Whether the daemon has told the service manager that it is ready; `pid` is its id then."""
        try:
            lines = self._manager.recv(4096).decode().splitlines()
        except BlockingIOError:
            return False
        report = dict(line.split("=", 1) for line in lines)
        if "READY" in report:
            self.pid = int(report["MAINPID"])
        return "READY" in report

    def _is_in_background(self):
        self._wait_process("a device, and no end of the process in the foreground")
        if self.exit_code != 0:
            return False
        self.exit_code = None  # that of the process in the background is to come
        if not self._has_reported():
            raise AssertionError("exit code 0 of a daemon that was not ready")
        return True

    def _is_ready(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            has_ended = self._process.poll() is not None
            if self._has_reported():
                return True
            if has_ended:
                self.exit_code = self._process.returncode
                return False
            time.sleep(0.001)
        raise Hang("not ready, and no end of the process")
