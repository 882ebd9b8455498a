# SPDX-License-Identifier: BSD-3-Clause
"""A TPM of the soak behind a device node of a real kernel, with the face of fake_host."""

import ctypes
import errno
import fcntl
import os
import select
import signal
import threading

from device import DeviceFile, Tpm, server_of

_libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)  # its system calls are not restarted


class File(DeviceFile):
    def set_nonblocking(self, nonblocking):
        flags = fcntl.fcntl(self.fileno(), fcntl.F_GETFL) & ~os.O_NONBLOCK
        fcntl.fcntl(self.fileno(), fcntl.F_SETFL, flags | (os.O_NONBLOCK if nonblocking else 0))

    def poll(self, events, seconds):
        poll = select.poll()
        poll.register(self.fileno(), events)
        return sum(found for _, found in poll.poll(seconds * 1000))


class VmHost:
    _count = 0

    def __init__(self, version, storage_uri, options):
        VmHost._count += 1
        self._log = f"/tmp/soak{VmHost._count}.log"
        self._tpm = Tpm(f"soak{VmHost._count}", *(["--tpm2"] if version == 2 else []),
                        "--log", f"file={self._log}", *options, storage_uri=storage_uri)
        self.pid = None

    @property
    def report(self):
        with open(self._log, encoding="utf-8") as file:
            return file.read()

    def start(self):
        self._tpm.start()
        self.pid = server_of(self._tpm.name)

    def open(self):
        return File(self._tpm.path)

    def end(self, how):
        if how == "SHUTDOWN":
            self._tpm.stop()
        else:
            os.kill(self.pid, getattr(signal, how))
            self._tpm.wait()

    def discard(self):
        self._tpm.remove()

    @staticmethod
    def interrupted_read(file, seconds):
        """A read that a signal interrupts after some time: the response, or None for EINTR."""
        timer = threading.Timer(seconds, signal.pthread_kill,
                                (threading.get_ident(), signal.SIGUSR1))
        buffer = ctypes.create_string_buffer(4096)
        timer.start()
        length = _libc.read(file.fileno(), buffer, len(buffer))
        error = ctypes.get_errno()
        timer.join()
        if length >= 0:
            return buffer.raw[:length]
        if error != errno.EINTR:
            raise OSError(error, os.strerror(error))
        return None
