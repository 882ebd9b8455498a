# SPDX-License-Identifier: BSD-3-Clause
"""Debian's `swtpm socket` as a partner for tests.

    with DebianSwtpm(tpm2=True, transport="unix") as swtpm:
        subprocess.run(["swtpm_ioctl", *swtpm.control_options, "-i"])
        subprocess.run(["swtpm_bios", "--tpm2", *swtpm.command_options])

The state lies in `swtpm.state_directory`, which is removed at the end unless the caller gave one.
"""

import os
import shutil
import socket
import struct
import subprocess
import tempfile

from programs import PATIENCE

GET_CAPABILITY = bytes([0, 0, 0, 1])


class SocketFile:
    """Commands and responses on a socket, with the face of an open device."""

    def __init__(self, connection):
        self.connection = connection

    def write(self, command):
        self.connection.sendall(command)

    def read(self):
        response = b""
        while len(response) < 10 or len(response) < struct.unpack_from(">I", response, 2)[0]:
            part = self.connection.recv(65536)
            if not part:
                raise ConnectionError("the command channel was closed")
            response += part
        return response


class DebianSwtpm:
    """One TPM emulator of Debian's package `swtpm`, from `start` (or `with`) to `stop`."""

    STARTS = 5

    def __init__(self, tpm2=True, transport="unix", state_directory=None, options=(),
                 storage_uri=None):
        """`transport` is "unix" or "tcp"; `options` are appended to the command line.  With
        `storage_uri` the state lies there and not in the directory."""
        if transport not in ("unix", "tcp"):
            raise ValueError(f"transport is 'unix' or 'tcp', not {transport!r}")
        self.tpm2 = tpm2
        self.transport = transport
        self.options = list(options)
        self.storage_uri = storage_uri
        self._given_state_directory = state_directory
        self._process = None
        self._directory = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Returns once the control channel answers."""
        self._directory = tempfile.mkdtemp(prefix="debian-swtpm.")
        self.state_directory = self._given_state_directory or os.path.join(self._directory, "state")
        os.makedirs(self.state_directory, mode=0o700, exist_ok=True)
        try:
            # Somebody else may take the chosen TCP port before swtpm binds it.
            if not any(self._start_once() for _ in range(self.STARTS)):
                raise RuntimeError(f"swtpm does not start: {self.log()}")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends the process if it still runs and removes what was made for it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE)
        if self._directory is not None:
            shutil.rmtree(self._directory)
        self._process = self._directory = None

    def kill(self):
        """Ends the process as a crash would."""
        self._process.kill()
        self._process.wait(timeout=PATIENCE)

    def wait(self, timeout=PATIENCE):
        """Waits until the process has ended by itself (after SHUTDOWN); returns its exit status."""
        return self._process.wait(timeout=timeout)

    def log(self):
        """What swtpm has printed so far."""
        with open(os.path.join(self._directory, "log"), "rb") as log:
            return log.read().decode(errors="replace")

    def control_socket(self):
        """A connection to the control channel."""
        return self._connect(self.control_options)

    def command_socket(self):
        """A connection to the command channel."""
        return self._connect(self.command_options)

    def _start_once(self):
        if self.transport == "unix":
            command = self._unix_address("command")
        else:
            command = self._free_port()
        # The control socket listens already, so that a request waits until swtpm has started.
        listener = self._control_listener()
        kind = "unixio" if self.transport == "unix" else "tcp"
        with listener, open(os.path.join(self._directory, "log"), "wb") as log:
            self._process = subprocess.Popen(
                ["swtpm", "socket", *(["--tpm2"] if self.tpm2 else []),
                 "--tpmstate", self._storage(),
                 "--ctrl", f"type={kind},fd={listener.fileno()}",
                 "--server", f"type={kind},{command}", *self.options],
                pass_fds=(listener.fileno(),),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self._answers()

    def _storage(self):
        if self.storage_uri is not None:
            return f"backend-uri={self.storage_uri}"
        return f"dir={self.state_directory}"

    def _answers(self):
        try:
            with self.control_socket() as control:
                control.settimeout(PATIENCE)
                control.sendall(GET_CAPABILITY)
                return len(control.recv(8)) == 8
        except OSError:
            return False

    def _unix_address(self, name):
        path = os.path.join(self._directory, name)
        self.command_options = ["--unix", path]
        return f"path={path}"

    def _free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.command_options = ["--tcp", f"127.0.0.1:{port}"]
        return f"port={port}"

    def _control_listener(self):
        if self.transport == "tcp":
            listener = socket.create_server(("127.0.0.1", 0))
            self.control_options = ["--tcp", f"127.0.0.1:{listener.getsockname()[1]}"]
            return listener
        path = os.path.join(self._directory, "control")
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        self.control_options = ["--unix", path]
        return listener

    @staticmethod
    def _connect(options):
        kind, address = options
        if kind == "--unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address)
            return connection
        host, port = address.rsplit(":", 1)
        return socket.create_connection((host, int(port)))
