# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's side of CUSE for a server that has no /dev/cuse (tests/fake-kernel/fake_kernel.h).

    kernel = FakeKernel()
    start_a_server_with(kernel.server_fd)
    kernel.wait_device()
    with kernel.open(os.O_RDWR) as file:
        file.write(b"command")
        print(file.read())
    kernel.close()

Calls may be made from several threads.  They raise OSError with the errno that the call would have
given; a server that does not answer raises TimeoutError.
"""

import ctypes
import errno
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARY = os.path.join(TOP, "build/release/tests/libfakekernel.so")

# How long a server may take for one answer, in seconds: more than any key creation needs.
PATIENCE = 180


class DeviceInformation(ctypes.Structure):
    """struct fake_device"""

    _fields_ = [("name_bytes", ctypes.c_char * 256), ("major", ctypes.c_uint32),
                ("minor", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("max_read", ctypes.c_uint32), ("max_write", ctypes.c_uint32),
                ("protocol_minor", ctypes.c_uint32)]

    @property
    def name(self):
        return self.name_bytes.decode()


def _load():
    if not os.path.exists(LIBRARY):
        sys.exit(f"{LIBRARY} is missing: build it first, with 'ninja && ninja test-programs'")
    library = ctypes.CDLL(LIBRARY)
    pointer, integer, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    text, boolean, unsigned = ctypes.c_char_p, ctypes.c_bool, ctypes.c_uint
    information = ctypes.POINTER(DeviceInformation)
    for name, result, arguments in (
            ("kernel_create", integer, (ctypes.POINTER(pointer), ctypes.POINTER(integer))),
            ("kernel_wait_device", integer, (pointer, integer, information)),
            ("kernel_hang_up", None, (pointer,)),
            ("kernel_destroy", None, (pointer,)),
            ("kernel_set_timeout", None, (pointer, integer)),
            ("kernel_is_gone", boolean, (pointer,)),
            ("kernel_violations", unsigned, (pointer,)),
            ("kernel_violation", text, (pointer, unsigned)),
            ("kernel_unanswered", unsigned, (pointer,)),
            ("open", integer, (pointer, integer, ctypes.POINTER(pointer))),
            ("close", integer, (pointer,)),
            ("kill", integer, (pointer,)),
            ("set_nonblocking", None, (pointer, boolean)),
            ("read", ctypes.c_ssize_t, (pointer, pointer, size)),
            ("write", ctypes.c_ssize_t, (pointer, text, size)),
            ("ioctl", integer, (pointer, unsigned, pointer)),
            ("poll", integer, (pointer, ctypes.c_short, integer)),
            ("submit_read", pointer, (pointer, pointer, size)),
            ("submit_write", pointer, (pointer, text, size)),
            ("submit_ioctl", pointer, (pointer, unsigned, pointer)),
            ("submit_poll", pointer, (pointer, ctypes.c_short)),
            ("wait", integer, (pointer, integer, ctypes.POINTER(ctypes.c_ssize_t))),
            ("interrupt", None, (pointer,)),
            ("abandon", None, (pointer,))):
        function = getattr(library, f"fake_{name}")
        function.restype = result
        function.argtypes = arguments
    return library


_library = _load()


def _checked(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def _milliseconds(seconds):
    return -1 if seconds is None else max(0, round(seconds * 1000))


class Pending:
    """A system call in flight, until `wait` has given its result or `abandon` gave it up."""

    def __init__(self, handle, memory, result_of):
        self._handle = handle
        self._memory = memory  # what the library reads and writes meanwhile
        self._result_of = result_of
        self._result = None

    def wait(self, timeout=PATIENCE):
        """What the call gives, or OSError; TimeoutError after `timeout` seconds, and the call goes
        on.  May be called again."""
        if not self.is_done_within(timeout):
            raise TimeoutError(f"no end of the call within {timeout} s")
        return self._result_of(_checked(self._result))

    def is_done_within(self, timeout):
        """Whether the call ends within that many seconds."""
        if self._handle is not None:
            result = ctypes.c_ssize_t()
            if _library.fake_wait(self._handle, _milliseconds(timeout), ctypes.byref(result)) != 0:
                return False
            self._handle = None
            self._result = result.value
        return True

    def interrupt(self):
        """A signal for the process that made the call."""
        if self._handle is not None:
            _library.fake_interrupt(self._handle)

    def abandon(self):
        if self._handle is not None:
            _library.fake_abandon(self._handle)
            self._handle = None


class OpenFile:
    """One open() of the device."""

    def __init__(self, handle):
        self._handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def handle(self):
        """The struct fake_file, for callers of the C library."""
        return self._handle.value

    def close(self):
        if self._handle is not None:
            handle, self._handle = self._handle, None
            _checked(_library.fake_close(handle))

    def kill(self):
        """The process that has the file open is killed."""
        handle, self._handle = self._handle, None
        _checked(_library.fake_kill(handle))

    def set_nonblocking(self, nonblocking):
        _library.fake_set_nonblocking(self._handle, nonblocking)

    def read(self, size=4096):
        buffer = ctypes.create_string_buffer(size)
        length = _checked(_library.fake_read(self._handle, buffer, size))
        return buffer.raw[:length]

    def read_into(self, memory):
        """Reads into a ctypes array; returns how many bytes."""
        return _checked(_library.fake_read(self._handle, memory, len(memory)))

    def write(self, data):
        """`data`: bytes, or a ctypes array of characters, which is written from where it lies."""
        memory = data if isinstance(data, ctypes.Array) else bytes(data)
        return _checked(_library.fake_write(self._handle, memory, len(memory)))

    def ioctl(self, command, argument=b""):
        """Returns what lies in the caller's structure afterwards.  `argument` is what lies in it
        before, filled up with zero bytes to the size that the command names."""
        buffer = _ioctl_buffer(command, argument)
        _checked(_library.fake_ioctl(self._handle, command, buffer))
        return buffer.raw

    def poll(self, events, timeout=0):
        """The events that are there, after `timeout` seconds at most (None: for ever)."""
        return _checked(_library.fake_poll(self._handle, events, _milliseconds(timeout)))

    def submit_read(self, size=4096):
        buffer = ctypes.create_string_buffer(size)
        handle = _library.fake_submit_read(self._handle, buffer, size)
        return Pending(handle, buffer, lambda result: buffer.raw[:result])

    def submit_write(self, data):
        data = bytes(data)
        handle = _library.fake_submit_write(self._handle, data, len(data))
        return Pending(handle, data, lambda result: result)

    def submit_ioctl(self, command, argument=b""):
        buffer = _ioctl_buffer(command, argument)
        handle = _library.fake_submit_ioctl(self._handle, command, buffer)
        return Pending(handle, buffer, lambda result: buffer.raw)

    def submit_poll(self, events):
        handle = _library.fake_submit_poll(self._handle, events)
        return Pending(handle, None, lambda result: result)


def _ioctl_buffer(command, argument):
    size = max(command >> 16 & 0x3fff, len(argument), 1)
    return ctypes.create_string_buffer(bytes(argument), size)


class FakeKernel:
    """One CUSE channel; `server_fd` is the server's end, to be closed once the server has it."""

    def __init__(self):
        handle, fd = ctypes.c_void_p(), ctypes.c_int()
        _checked(_library.fake_kernel_create(ctypes.byref(handle), ctypes.byref(fd)))
        self._handle = handle
        self.server_fd = fd.value
        self.device = None
        _library.fake_kernel_set_timeout(handle, PATIENCE * 1000)

    def close_server_fd(self):
        if self.server_fd is not None:
            os.close(self.server_fd)
            self.server_fd = None

    def wait_device(self, timeout=PATIENCE):
        """Waits until the server has made the device; returns what it said of it."""
        device = DeviceInformation()
        status = _library.fake_kernel_wait_device(self._handle, _milliseconds(timeout),
                                                  ctypes.byref(device))
        _checked(status)
        self.device = device
        return device

    def open(self, flags=os.O_RDWR):
        handle = ctypes.c_void_p()
        _checked(_library.fake_open(self._handle, flags, ctypes.byref(handle)))
        return OpenFile(handle)

    def hang_up(self):
        """The kernel ends the channel."""
        _library.fake_kernel_hang_up(self._handle)

    def set_timeout(self, seconds):
        _library.fake_kernel_set_timeout(self._handle, _milliseconds(seconds))

    @property
    def is_gone(self):
        return _library.fake_kernel_is_gone(self._handle)

    @property
    def unanswered(self):
        return _library.fake_kernel_unanswered(self._handle)

    @property
    def violations(self):
        """What the server did against the protocol, as texts."""
        count = _library.fake_kernel_violations(self._handle)
        texts = [_library.fake_kernel_violation(self._handle, i) for i in range(count)]
        return [text.decode() for text in texts if text is not None]

    def close(self):
        """All files are closed and all calls have ended before."""
        self.close_server_fd()
        if self._handle is not None:
            _library.fake_kernel_destroy(self._handle)
            self._handle = None


def error_of(call, *arguments):
    """The name of the errno that a call raises; None if it succeeds."""
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None
