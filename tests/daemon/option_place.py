# SPDX-License-Identifier: BSD-3-Clause
"""Where the command lines of test_options.py run: files, open descriptors, and one process."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time

from daemon import IS_SANITIZED, PLUGINS, PROGRAM, wait_after_signal
from fake_kernel import PATIENCE, FakeKernel
from option_uses import HERE

IS_ROOT = os.geteuid() == 0

KEY = bytes(range(16))

# A number that no process here has as an open descriptor.
CLOSED = 987


class Place:
    """A directory of its own, and what the words of a command line stand for there.

    Words may hold DIR (the directory), DEVICE (a name that no device has), and FD(name) for the
    descriptor that is open on that file.
    """

    FILES = {"hex": KEY.hex().encode(), "hex256": (KEY + KEY).hex().encode(), "binary": KEY,
             "password": b"pass phrase", "profile": b'{"Name":"from a file"}', "empty": b"",
             "log-fd": b"", "pid-fd": b"", "pcap-fd": b""}

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-options.")
        self.device_name = os.path.basename(self.directory).replace(".", "-")
        self.descriptors = {}
        self.kernel = None
        self.device = None
        self.process = None
        self._make_directories()
        for name, contents in self.FILES.items():
            self._make_file(name, contents)
        os.symlink("password", self.path("link"))
        self.descriptors["read-only"] = os.open(self.path("password"), os.O_RDONLY)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.drop_channel()
        for number in self.descriptors.values():
            os.close(number)
        shutil.rmtree(self.directory)

    # ------------------------------------------------------------------- files

    def path(self, name):
        return os.path.join(self.directory, name)

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def text(self, name):
        return self.read(name).decode()

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def snapshot(self, but_state=False):
        """Each file and directory with its mode and contents; `but_state`: none of the state."""
        found = []
        for parent, directories, files in os.walk(self.directory):
            if but_state and parent == self.path("state"):
                continue
            for name in directories + files:
                path = os.path.join(parent, name)
                contents = self.read(path) if name in files else None
                found.append((path, os.lstat(path).st_mode, contents))
        return sorted(found, key=lambda entry: entry[0])

    def _make_directories(self):
        os.chmod(self.directory, 0o711)
        for name in ("state", "jail", "jail/inside"):
            os.mkdir(self.path(name), 0o711)
        os.mkdir(self.path("of-nobody"), 0o700)
        if IS_ROOT:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.path("of-nobody"), nobody.pw_uid, nobody.pw_gid)

    def _make_file(self, name, contents):
        number = os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(number, contents)
        os.lseek(number, 0, os.SEEK_SET)
        self.descriptors[name] = number

    # ----------------------------------------------------------------- process

    def fill_in(self, word):
        word = word.replace("DIR", self.directory).replace("DEVICE", self.device_name)
        for name, number in self.descriptors.items():
            word = word.replace(f"FD({name})", str(number))
        return word

    def run(self, *words, environment=None):
        """Runs the program to its end with these words and no others."""
        return subprocess.run(self._command(words), env=self._environment(environment),
                              pass_fds=self._inherited(), cwd=self.directory, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)

    def prepare(self):
        """A channel, for `run` or `start`."""
        self.kernel = FakeKernel()
        self.descriptors["channel"] = self.kernel.server_fd

    def start(self, *words, environment=None):
        """Starts the program with these words; returns once the device exists."""
        with open(self.path("stderr"), "wb") as stderr:
            self.process = subprocess.Popen(
                self._command(words), env=self._environment(environment),
                pass_fds=self._inherited(), cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self._hand_over_channel()
        try:
            self.device = self.kernel.wait_device(PATIENCE)
        except OSError as error:
            self.process.wait(PATIENCE)
            raise AssertionError(f"no device ({error}): {self.text('stderr')}") from error

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        code = wait_after_signal(self.process.wait, self.process.terminate)
        self.drop_channel()
        self.process = None
        return code

    def drop_channel(self):
        if self.kernel is not None:
            self._hand_over_channel()
            self.kernel.close()
            self.kernel = None

    def status(self, field):
        """A line of /proc/PID/status."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(line.split()[1] for line in status if line.startswith(field + ":"))

    def root(self):
        return os.readlink(f"/proc/{self.process.pid}/root")

    def await_text(self, name):
        """The contents of a file once it has some."""
        end = time.monotonic() + PATIENCE
        while not self.exists(name) or not self.read(name):
            if time.monotonic() > end:
                raise AssertionError(f"{name} stays empty")
            time.sleep(0.002)
        return self.text(name)

    def _hand_over_channel(self):
        self.kernel.close_server_fd()
        self.descriptors.pop("channel", None)

    def _command(self, words):
        return [PROGRAM, *(self.fill_in(word) for word in words)]

    def _inherited(self):
        return list(self.descriptors.values())

    @staticmethod
    def _environment(more):
        kept = {name: value for name, value in os.environ.items()
                if name not in ("TPM_PATH", "SWTPM_PLUGIN_DIR", "NOTIFY_SOCKET")}
        return {**kept, **(more or {})}


def serving_words(words):
    """The words of a use and what every daemon needs besides."""
    given = {word.split("=")[0] for word in words}
    needed = [("--name", "-n", "DEVICE"), ("--tpmstate", None, HERE),
              ("--cuse-fd", None, "FD(channel)"), ("--plugin-dir", None, PLUGINS)]
    if IS_SANITIZED:
        needed.append(("--seccomp", None, "action=none"))  # a sanitizer makes calls of its own
    more = [part for option, short, value in needed if not given & {option, short}
            for part in (option, value)]
    # A daemon in the background could outlive its test.
    return ["--foreground", *words, *more]
