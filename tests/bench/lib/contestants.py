# SPDX-License-Identifier: BSD-3-Clause
"""Who is measured: this project's daemon, Debian's swtpm, and the floor beneath both.

All of them start from the same stored TPM 2 (`StoredTpm`), so that a primary key is the same work
for each.  A contestant has `client` (a measure.Client), `pid`, and `close`.
"""

import os
import shutil
import socket
import struct
import subprocess
import tempfile

import tpm2
from daemon import Daemon
from fake_kernel import TOP, FakeKernel
from measure import Client, start_library
from ptm import ioctl_number

STUB = os.path.join(TOP, "build/release/tests/bench/stub_server")
STUB_SET_RESPONSE_SIZE = ioctl_number(1, 1, 4, magic="S")

NV_INDEX, NV_SIZE = 0x1500016, 64

PERMANENT = "tpm2-00.permall"
# What stands before libtpms' own bytes in a state that is not encrypted (doc/state-format.md).
ENVELOPE_SIZE = 16

READY = ["--flags", "startup-clear"]

KEY_TEXT = "0123456789abcdef" * 4


class StoredTpm:
    """A TPM 2 with an NV index, at rest in `directory`, below a directory that is removed at the
    end."""

    def __init__(self, parent, tpm2_version=True, options=()):
        self.top = tempfile.mkdtemp(prefix="bench.", dir=parent)
        self.directory = os.path.join(self.top, "state")
        with Daemon(tpm2=tpm2_version, state_directory=self.directory,
                    options=[*READY, *options]) as daemon, daemon.open() as file:
            if tpm2_version:
                make_nv_index(tpm2.Tpm2(file).run)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top, ignore_errors=True)

    @property
    def permanent_size(self):
        return os.path.getsize(os.path.join(self.directory, PERMANENT))

    def permanent(self):
        """libtpms' own bytes."""
        with open(os.path.join(self.directory, PERMANENT), "rb") as file:
            return file.read()[ENVELOPE_SIZE:]

    def new_directory(self):
        """An empty directory on the same medium, removed with this."""
        return tempfile.mkdtemp(dir=self.top)

    def copy(self):
        """A directory with the same TPM."""
        directory = os.path.join(self.new_directory(), "state")
        shutil.copytree(self.directory, directory)
        return directory


def make_nv_index(transmit):
    """`transmit` sends a command and raises if it fails."""
    transmit(tpm2.nv_define(NV_INDEX, NV_SIZE))
    transmit(tpm2.nv_write(NV_INDEX, bytes(NV_SIZE)))


class InProcess:
    """libtpms, called as the daemon calls it: one for each process."""

    pid = None
    _started = False

    def __init__(self, stored):
        self.client = Client()
        if not InProcess._started:
            start_library(stored.permanent())
            self.client.transmit(tpm2.startup())
            InProcess._started = True

    def close(self):
        """It lives as long as this process."""


class Stub:
    """Answers every request at once, as long as the TPM would."""

    def __init__(self):
        self._kernel = FakeKernel()
        self._kernel.set_timeout(None)
        self._process = subprocess.Popen([STUB, str(self._kernel.server_fd), "bench-stub"],
                                         pass_fds=(self._kernel.server_fd,))
        self.pid = self._process.pid
        self._kernel.close_server_fd()
        self._kernel.wait_device()
        self._file = self._kernel.open()
        self.client = Client(file=self._file)

    def answer_with(self, size):
        self._file.ioctl(STUB_SET_RESPONSE_SIZE, struct.pack("=I", size))

    def close(self):
        self._file.close()
        self._kernel.hang_up()
        self._process.wait()
        self._kernel.close()


class Ours:
    """swtpm_cuse over the fake kernel."""

    def __init__(self, directory=None, storage_options="", options=(), storage_uri=None):
        self._daemon = Daemon(state_directory=directory, storage_options=storage_options,
                              storage_uri=storage_uri, options=[*READY, *options]).start()
        # Without a limit the client needs no system call to watch the clock.
        self._daemon.kernel.set_timeout(None)
        self.pid = self._daemon.pid
        self.client = Client(file=self._daemon.open())

    def close(self):
        self._daemon.close()


class Swtpm:
    """Debian's swtpm, with one end of a socket pair for commands and one for control."""

    def __init__(self, directory=None, storage_uri=None):
        self._commands, server = socket.socketpair()
        self._control, control_server = socket.socketpair()
        ends = (server.fileno(), control_server.fileno())
        place = f"backend-uri={storage_uri}" if storage_uri else f"dir={directory}"
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", place, "--fd", str(ends[0]),
             "--ctrl", f"type=unixio,clientfd={ends[1]}", "--log", "file=-", *READY],
            pass_fds=ends, stdin=subprocess.DEVNULL)
        server.close()
        control_server.close()
        self.pid = self._process.pid
        self.client = Client(fd=self._commands.fileno())
        self.control_client = Client(fd=self._control.fileno())
        self.client.transmit(tpm2.get_random(8))

    def close(self):
        self._commands.close()
        self._control.close()
        self._process.terminate()
        self._process.wait()
