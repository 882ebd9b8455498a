# SPDX-License-Identifier: BSD-3-Clause
"""A server on a UNIX or TCP socket that answers what a test wants and remembers what it was sent.

    with FakeServer(control_request_size, [result(0)]) as server:
        subprocess.run(["swtpm_ioctl", *server.options, "-i"])
    server.requests == [bytes.fromhex("0000000200000001")]
"""

import os
import shutil
import socket
import struct
import tempfile
import threading

from programs import PATIENCE

HASH_DATA, SET_STATEBLOB = 7, 13


def words(*values):
    """Big-endian 32-bit integers."""
    return struct.pack(f">{len(values)}I", *values)


def control_request_size(start):
    """How long the request of a control channel is that starts so; None: not known yet."""
    fixed = {2: 8, 5: 5, 7: 8, 11: 5, 12: 16, 13: 16, 17: 8, 18: 20, 19: 8}
    if len(start) < 4:
        return None
    command, = struct.unpack_from(">I", start)
    size = fixed.get(command, 4)
    if command in (HASH_DATA, SET_STATEBLOB):
        if len(start) < size:
            return None
        size += struct.unpack_from(">I", start, size - 4)[0]
    return size


def tpm_command_size(start):
    """The same for a command channel."""
    return struct.unpack_from(">I", start, 2)[0] if len(start) >= 6 else None


class FakeServer:
    """Answers each request by the next of `answers`, over all connections, and hangs up after the
    last.  `answers` may be a function of the request instead; it hangs up by returning None."""

    def __init__(self, request_size, answers, family=socket.AF_UNIX):
        self.requests = []
        self.connections = 0
        self._request_size = request_size
        self._answer = answers if callable(answers) else None
        self._answers = [] if callable(answers) else list(answers)
        self._directory = tempfile.mkdtemp(prefix="fake-server.")
        self._listener = socket.socket(family)
        if family == socket.AF_UNIX:
            path = os.path.join(self._directory, "socket")
            self._listener.bind(path)
            self.options = ["--unix", path]
        else:
            host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
            self._listener.bind((host, 0))
            port = self._listener.getsockname()[1]
            self.options = ["--tcp", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=PATIENCE)
        self._listener.close()
        shutil.rmtree(self._directory)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    while self._serve_request(connection):
                        pass
                except OSError:
                    pass

    def _serve_request(self, connection):
        request = self._receive(connection)
        if not request:
            return False
        self.requests.append(request)
        if self._answer is None:
            answer = self._answers.pop(0) if self._answers else None
        else:
            answer = self._answer(request)
        if answer is None:
            return False
        connection.sendall(answer)
        return self._answer is not None or bool(self._answers)

    def _receive(self, connection):
        """One request, or as much of it as came."""
        request = b""
        while True:
            size = self._request_size(request)
            if size is not None and len(request) >= size:
                return request
            more = connection.recv((size or len(request) + 1) - len(request))
            if not more:
                return request
            request += more
