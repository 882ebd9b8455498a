# SPDX-License-Identifier: BSD-3-Clause
"""swtpm_cuse with a fake kernel at the other end of its channel.

    with Daemon(tpm2=True) as daemon:
        with daemon.open() as file:
            Control(file).init()
            Tpm2(file).startup()

The environment variable BUILD_DIR names the build to test: build/release (default), build/asan or
build/tsan; STORAGE where the state is kept (store.py).  At the end the daemon must have kept to the protocol, must have left no request
unanswered, and its sanitizer, if it has one, must have found nothing: else `close` fails.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

from fake_kernel import PATIENCE, TOP, FakeKernel
from plugins import trusted
from ptm import Control
from store import tpmstate

BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build/release"))
VARIANT = os.path.basename(BUILD_DIR)
PROGRAM = os.path.join(BUILD_DIR, "core/swtpm_cuse")
PLUGINS = trusted(os.path.join(BUILD_DIR, "plugins"))
IS_SANITIZED = VARIANT in ("asan", "tsan")

# A sanitizer makes system calls of its own.
_SANITIZED_OPTIONS = ["--seccomp", "action=none"] if IS_SANITIZED else []


def become_subreaper():
    """Daemons that went into the background become children of this process."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def run_program(*options, timeout=PATIENCE, **keywords):
    """Runs swtpm_cuse to its end; returns what subprocess.run returns, with text output."""
    return subprocess.run([PROGRAM, "--plugin-dir", PLUGINS, *_SANITIZED_OPTIONS, *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, **keywords)


def wait_after_signal(wait, send, timeout=PATIENCE):
    """What wait(seconds) gives, which waits for the end that a signal has asked for.  TSan's runtime
    puts a signal off that comes between two of the calls that it intercepts, and if the second one
    is a read(2) that blocks, for ever; so send() is called to send it again."""
    interval = 2
    for _ in range(int(timeout / interval) if VARIANT == "tsan" else 0):
        try:
            return wait(interval)
        except (TimeoutError, subprocess.TimeoutExpired):
            send()
    return wait(timeout)


class Daemon:
    """One swtpm_cuse.  `start` (or `with`) to `close` (or the end of `with`)."""

    def __init__(self, tpm2=True, options=(), state_directory=None, background=False,
                 storage_options="", storage_uri=None, plugin_directory=PLUGINS, wrapper=(),
                 environment=None, log_level=1):
        """`state_directory`, the path of the state's store (store.py), is kept, if given, and else
        made and removed.  `storage_options` are appended to the --tpmstate that names it, or to
        backend-uri=… if `storage_uri` is given.  `wrapper` is a command that runs the daemon, as
        strace does."""
        self.tpm2 = tpm2
        self.options = list(options)
        self.background = background
        self.wrapper = list(wrapper)
        self.environment = dict(environment or {})
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-test.")
        self.state_directory = state_directory or os.path.join(self.directory, "state")
        place = f"backend-uri={storage_uri}" if storage_uri else tpmstate(self.state_directory)
        self.storage = place + storage_options
        self.plugin_directory = plugin_directory
        self.log_level = log_level
        self.log_path = os.path.join(self.directory, "log")
        self.pid_path = os.path.join(self.directory, "pid")
        self.kernel = None
        self.pid = None
        self.exit_code = None
        self._end_signal = None
        self._process = None
        self._files = []

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.discard()
            raise

    def __exit__(self, kind, *_):
        # A failed test is not to be buried under what it left behind.
        if kind is None:
            self.close()
        else:
            self.discard()

    # ------------------------------------------------------------------------ life

    def start(self):
        """Returns once the device exists and, in the background, the command has returned 0."""
        self.launch()
        return self.await_device()

    def launch(self):
        """Starts the process; `await_device` or `wait` has to follow.  Returns the id of the
        process, which with a `wrapper` is the wrapper's."""
        self.kernel = FakeKernel()
        self._launch()
        self.kernel.close_server_fd()
        return self._process.pid

    def await_device(self):
        """The second half of `start`."""
        try:
            self.kernel.wait_device()
        except OSError as error:
            raise AssertionError(f"no device: {error}; exit code {self._process.wait(PATIENCE)}\n"
                                 f"{self.report}") from error
        if self.background:
            self._await_background()
        else:
            self._await(lambda: os.path.exists(self.pid_path) and self._pid_from_file(), "pid file")
        return self

    def expect_failure(self):
        """Starts a daemon that is to end before it makes the device; returns its exit code."""
        self.launch()
        self.exit_code = self._process.wait(PATIENCE)
        return self.exit_code

    def open(self, flags=os.O_RDWR):
        file = self.kernel.open(flags)
        self._files.append(file)
        return file

    def wait(self, timeout=PATIENCE):
        """Waits for the daemon's end; returns its exit code (negative: the signal)."""
        if self.exit_code is None and self._end_signal is not None:
            wait_after_signal(self._await_end, lambda: os.kill(self.pid, self._end_signal), timeout)
        elif self.exit_code is None:
            self._await_end(timeout)
        return self.exit_code

    def terminate(self):
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def signal(self, number):
        os.kill(self.pid, number)
        if number in (signal.SIGTERM, signal.SIGINT):
            self._end_signal = number

    def crash(self):
        """SIGKILL."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def shut_down(self):
        """SHUTDOWN by a client; returns the exit code."""
        with self.kernel.open() as file:
            assert Control(file).shutdown() == 0
        return self.wait()

    def close(self):
        """Ends the daemon if it still runs, checks how it behaved, and cleans up.  May be called
        again."""
        if self.kernel is None:
            return
        try:
            self._end()
            self._check()
        finally:
            self.discard()

    def discard(self):
        """Cleans up without any check."""
        if self._process is not None and self.exit_code is None:
            for pid in {self._process.pid, self.pid} - {None}:
                if self._is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        if self.kernel is not None:
            self.kernel.hang_up()
            self._close_files()
            self.kernel.close()
            self.kernel = None
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------------- questions

    @property
    def stderr(self):
        return self._text("stderr")

    @property
    def log(self):
        return self._text("log")

    @property
    def sanitizer_reports(self):
        names = sorted(os.listdir(self.directory))
        return "\n".join(self._text(name) for name in names if name.startswith("sanitizer."))

    @property
    def report(self):
        """All that the daemon has said."""
        return f"{self.stderr}{self.log}{self.sanitizer_reports}"

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # ---------------------------------------------------------------------- inside

    def _command_line(self):
        return [*self.wrapper, PROGRAM, "--name", "vtpm-test",
                "--plugin-dir", self.plugin_directory,
                "--cuse-fd", str(self.kernel.server_fd), "--pid", f"file={self.pid_path}",
                *(["--tpmstate", self.storage] if self.storage else []),
                "--log", f"file={self.log_path},level={self.log_level}",
                *(["--tpm2"] if self.tpm2 else []),
                *([] if self.background else ["--foreground"]),
                *_SANITIZED_OPTIONS, *self.options]

    def _launch(self):
        if self.background:
            become_subreaper()
        reports = f"log_path={self.directory}/sanitizer:exitcode=99:halt_on_error=1"
        environment = {**os.environ, "ASAN_OPTIONS": f"{reports}:detect_leaks=1",
                       "UBSAN_OPTIONS": f"{reports}:print_stacktrace=1", "TSAN_OPTIONS": reports,
                       **self.environment}
        with open(os.path.join(self.directory, "stderr"), "wb") as stderr:
            self._process = subprocess.Popen(
                self._command_line(), pass_fds=(self.kernel.server_fd,), env=environment,
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self.pid = None if self.background or self.wrapper else self._process.pid

    def _await_background(self):
        code = self._process.wait(PATIENCE)
        if code != 0:
            raise AssertionError(f"exit code {code}\n{self.report}")
        self.pid = self._pid_from_file()

    def _await_end(self, timeout):
        if self.background:
            self._await(self._reap, "end of the daemon", timeout)
        else:
            self.exit_code = self._process.wait(timeout)

    def _pid_from_file(self):
        with open(self.pid_path, encoding="ascii") as file:
            text = file.read()
        if not text.endswith("\n"):
            return None
        self.pid = int(text)
        return self.pid

    @staticmethod
    def _await(condition, what, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} within {timeout} s")
            time.sleep(0.002)

    def _reap(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.exit_code = os.waitstatus_to_exitcode(status)
        return True

    @staticmethod
    def _is_alive(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _end(self):
        if self._process is None:
            return
        if self.exit_code is None:
            self._close_files()
            unanswered = self.kernel.unanswered
            if unanswered > 0:
                raise AssertionError(f"{unanswered} requests were not answered\n{self.report}")
            self.terminate()

    def _close_files(self):
        for file in self._files:
            file.close()
        self._files.clear()

    def _check(self):
        if self.kernel is not None and self.kernel.violations:
            raise AssertionError("protocol violations:\n" + "\n".join(self.kernel.violations))
        if self.sanitizer_reports:
            raise AssertionError(self.sanitizer_reports)
        # Who expects another end has looked at it.
        if self.exit_code not in (None, 0, 1, -signal.SIGKILL):
            raise AssertionError(f"exit code {self.exit_code}\n{self.report}")

    def _text(self, name):
        try:
            with open(os.path.join(self.directory, name), "rb") as file:
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
