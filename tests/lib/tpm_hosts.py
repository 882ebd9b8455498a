# SPDX-License-Identifier: BSD-3-Clause
"""Two programs that run a TPM on a state directory, with one face: Debian's `swtpm socket`, and
swtpm_cuse behind the fake kernel.

    with DebianHost(tpm2=True, state_directory=path, options=[…]) as host:
        host.init()
        host.guest.start()
        blob = host.save("permanent")
"""

import os
import struct
import tempfile

from daemon import Daemon
from debian_swtpm import DebianSwtpm, SocketFile
from guest import guest_for
from programs import debians, run
from ptm import DECRYPTED, Control, ControlError

TYPES = {"permanent": 1, "volatile": 2, "savestate": 3}


class HostError(Exception):
    """The TPM answered a control call with this result."""

    def __init__(self, result):
        super().__init__(f"TPM result {result:#x}")
        self.result = result


class Host:
    """What both have in common."""

    def leave_at_work(self, value):
        """A guest starts and works with `value`, and the TPM ends in the middle of that, with its
        volatile state stored.  Returns the guest's traces."""
        self.init()
        self.guest.start()
        self.guest.work(value)
        traces = self.guest.traces()
        self.store_volatile()
        self.shut_down()
        return traces


class DebianHost(Host):
    """Debian's swtpm, controlled by Debian's swtpm_ioctl."""

    def __init__(self, tpm2, state_directory, options=()):
        self.is_tpm2 = tpm2
        self._swtpm = DebianSwtpm(tpm2=tpm2, state_directory=state_directory, options=options)
        self._connection = None

    def __enter__(self):
        self._swtpm.start()
        return self

    def __exit__(self, *_):
        if self._connection is not None:
            self._connection.close()
        self._swtpm.stop()

    @property
    def log(self):
        return self._swtpm.log()

    @property
    def guest(self):
        """Commands of a guest; only one connection can be open at a time."""
        if self._connection is None:
            self._connection = self._swtpm.command_socket()
        return guest_for(self.is_tpm2, SocketFile(self._connection))

    def _ioctl(self, *arguments):
        done = run(debians("swtpm_ioctl"), *self._swtpm.control_options, *arguments)
        text = done.stderr.decode()
        if "TPM result" in text:
            raise HostError(int(text.rsplit("0x", 1)[1], 16))
        if done.returncode != 0:
            raise AssertionError(f"swtpm_ioctl {arguments}: {text}")

    def init(self):
        self._ioctl("-i")

    def store_volatile(self):
        self._ioctl("-v")

    def shut_down(self):
        self._ioctl("-s")
        self._swtpm.wait()

    def save(self, kind, decrypted=True):
        """The state blob.  swtpm_ioctl asks for decrypted ones only."""
        if not decrypted:
            return self._get_blob(TYPES[kind])
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "blob")
            self._ioctl("--save", kind, path)
            with open(path, "rb") as file:
                return file.read()

    def load(self, kind, blob):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "blob")
            with open(path, "wb") as file:
                file.write(blob)
            self._ioctl("--load", kind, path)

    def _get_blob(self, number):
        """By the control channel's own protocol: command 12, all numbers big-endian."""
        blob, total = b"", 1
        with self._swtpm.control_socket() as control, control.makefile("rb") as answers:
            while len(blob) < total:
                control.sendall(struct.pack(">IIII", 12, 0, number, len(blob)))
                result = struct.unpack(">I", answers.read(4))[0]
                if result != 0:
                    raise HostError(result)
                _, total, length = struct.unpack(">III", answers.read(12))
                blob += answers.read(length)
        return blob


class DeviceHost(Host):
    """swtpm_cuse, controlled by the ioctls of its device."""

    def __init__(self, tpm2, state_directory, options=()):
        self.is_tpm2 = tpm2
        self._daemon = Daemon(tpm2=tpm2, state_directory=state_directory, options=options)

    def __enter__(self):
        self._daemon.start()
        self._file = self._daemon.open()
        self._control = Control(self._file)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self._daemon.close()
        else:
            self._daemon.discard()

    @property
    def log(self):
        return self._daemon.log

    @property
    def guest(self):
        return guest_for(self.is_tpm2, self._file)

    @staticmethod
    def _must(result):
        if result != 0:
            raise HostError(result)

    def init(self):
        self._must(self._control.init())

    def stop(self):
        self._must(self._control.stop())

    def store_volatile(self):
        self._must(self._control.store_volatile())

    def shut_down(self):
        self._daemon.shut_down()

    def save(self, kind, decrypted=True):
        try:
            return self._control.get_blob(TYPES[kind], DECRYPTED if decrypted else 0)[1]
        except ControlError as error:
            raise HostError(error.result) from error

    def load(self, kind, blob):
        self._must(self._control.set_blob(TYPES[kind], 0, blob))
