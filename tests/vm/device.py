# SPDX-License-Identifier: BSD-3-Clause
"""A TPM on a real device node, and the programs that use it.

Everything here runs as root under a kernel with CUSE, with swtpm_cuse installed (tests/vm/suite).
"""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time

# Programs run an order of magnitude slower here than outside.
PATIENCE = 180

# The first on PATH is ours.
OUR_IOCTL = shutil.which("swtpm_ioctl")
DEBIAN_IOCTL = "/usr/bin/swtpm_ioctl"
assert OUR_IOCTL != DEBIAN_IOCTL


def run(*command, **options):
    """Runs a program to its end; returns what subprocess.run returns, with text output."""
    return subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, text=True, timeout=PATIENCE, **options)


def must(*command, **options):
    """Runs a program that has to succeed and returns its standard output."""
    done = run(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done.stdout


def wait_until(condition, what, seconds=PATIENCE):
    """Returns the first true value of `condition()`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def is_device(path):
    """Whether a character device has that name."""
    return os.path.exists(path) and stat.S_ISCHR(os.stat(path).st_mode)


def server_of(name):
    """The process that serves /dev/NAME, found by its arguments; None if there is none."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                arguments = file.read().decode().split("\0")
        except OSError:
            continue
        if arguments[0].endswith("swtpm_cuse") and name in arguments:
            return int(process)
    return None


class Tpm:
    """swtpm_cuse serving /dev/NAME.  Its state stays when it stops, and goes with `remove`."""

    def __init__(self, name, *options, storage_uri=None):
        self.name = name
        self.path = f"/dev/{name}"
        self.options = options
        self.state_directory = tempfile.mkdtemp(prefix=f"{name}.")
        self.storage = f"backend-uri={storage_uri}" if storage_uri else f"dir={self.state_directory}"

    def start(self):
        """The device exists when the command has returned."""
        must("swtpm_cuse", "-n", self.name, "--tpmstate", self.storage, *self.options)
        if not is_device(self.path):
            raise AssertionError(f"swtpm_cuse returned 0 before {self.path} was there")
        return self

    def initialise(self):
        must(OUR_IOCTL, "-i", self.path)
        return self

    def stop(self):
        """Ends it as an administrator does, with SHUTDOWN."""
        must(OUR_IOCTL, "-s", self.path)
        self.wait()

    def wait(self):
        """Until the process and its device are gone."""
        wait_until(lambda: server_of(self.name) is None, f"the end of {self.name}")
        wait_until(lambda: not os.path.exists(self.path), f"the end of {self.path}")

    def remove(self):
        """Whatever a failed test has left behind ends here."""
        process = server_of(self.name)
        if process is not None:
            os.kill(process, signal.SIGKILL)
            self.wait()
        shutil.rmtree(self.state_directory)


class DeviceFile:
    """One open of the device node, with the calls that the clients of tests/lib make."""

    def __init__(self, path, flags=0):
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self._fd)

    def fileno(self):
        return self._fd

    def write(self, data):
        return os.write(self._fd, data)

    def read(self, size=4096):
        return os.read(self._fd, size)

    def ioctl(self, number, request):
        """The whole structure as the call leaves it."""
        structure = bytearray(number >> 16 & 0x3FFF)
        structure[:len(request)] = request
        fcntl.ioctl(self._fd, number, structure)
        return bytes(structure)
