# SPDX-License-Identifier: BSD-3-Clause
"""One sequence of system calls on an echo device, and what its server gets to see of them.

The sequence runs on a device node of a real kernel (RealDevice) or on the fake one (FakeDevice).
strace shows what the server reads and writes; `messages` makes of that one line per message,
without what differs from run to run.  tests/fake-kernel/recordings holds those of a real kernel.
"""

import codecs
import ctypes
import errno
import fcntl
import mmap
import os
import re
import select
import signal
import struct
import subprocess
import threading
import time

import device_node
from fake_kernel import TOP, error_of

ECHO_SERVER = os.path.join(TOP, "build/release/tests/echo_server")
RECORDINGS = os.path.join(TOP, "tests/fake-kernel/recordings")
DEVICE = "/dev/echo"
MODES = {"restricted": [], "unrestricted": ["--unrestricted"]}

MOMENT = 0.5
PATIENCE = 60


def ioctl_number(direction, number, size, magic="E"):
    return direction << 30 | size << 16 | ord(magic) << 8 | number


# ----------------------------------------------------------------------------- two kinds of device


class Interrupted(Exception):
    pass


class RealFile:
    def __init__(self, flags):
        self.fd = device_node.open_new(DEVICE, flags)

    def close(self):
        os.close(self.fd)

    def read(self, size):
        return os.read(self.fd, size)

    def read_into(self, memory):
        return os.readv(self.fd, [memory])

    def write(self, memory):
        return os.write(self.fd, memory)

    def set_nonblocking(self, nonblocking):
        flags = fcntl.fcntl(self.fd, fcntl.F_GETFL) & ~os.O_NONBLOCK
        fcntl.fcntl(self.fd, fcntl.F_SETFL, flags | (os.O_NONBLOCK if nonblocking else 0))

    def ioctl(self, command, argument=b""):
        fcntl.ioctl(self.fd, command, bytearray(argument.ljust(1, b"\0")), True)

    def poll(self, events, timeout):
        poll = select.poll()
        poll.register(self.fd, events)
        return sum(found for _, found in poll.poll(timeout * 1000))

    def interrupted_read(self, size):
        def interrupt(*_):
            raise Interrupted
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, MOMENT)
        try:
            self.read(size)
        except Interrupted:
            return
        raise AssertionError("the read was not interrupted")


class RealDevice:
    """/dev/echo"""

    def open(self, flags):
        return RealFile(flags)

    def killed_reader(self):
        """Another process opens the device, waits in read(), and is killed."""
        child = os.fork()
        if child == 0:
            os.read(os.open(DEVICE, os.O_RDWR), 10)
            os._exit(0)
        self._await_reader(child)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


    @staticmethod
    def _await_reader(process):
        """Until it sleeps in read(), which follows its open() at once."""
        inherited = _opens(os.getpid())
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and _opens(process) <= inherited:
            time.sleep(0.01)
        time.sleep(MOMENT)


def _opens(process):
    """How often it has the device open."""
    directory = f"/proc/{process}/fd"
    numbers = [number for number in os.listdir(directory)
               if os.path.lexists(os.path.join(directory, number))]
    return [os.readlink(os.path.join(directory, number)) for number in numbers].count(DEVICE)


class FakeFile:
    def __init__(self, file):
        self.file = file
        for name in ("close", "read", "read_into", "write", "set_nonblocking", "poll"):
            setattr(self, name, getattr(file, name))

    def ioctl(self, command, argument=b""):
        self.file.ioctl(command, argument)

    def interrupted_read(self, size):
        read = self.file.submit_read(size)
        assert not read.is_done_within(MOMENT)
        read.interrupt()
        assert error_of(read.wait) == "EINTR"


class FakeDevice:
    """A device of the fake kernel."""

    def __init__(self, kernel):
        self.kernel = kernel

    def open(self, flags):
        return FakeFile(self.kernel.open(flags))

    def killed_reader(self):
        file = self.kernel.open(os.O_RDWR)
        read = file.submit_read(10)
        assert not read.is_done_within(MOMENT)
        file.kill()
        assert error_of(read.wait) == "EINTR"


# ------------------------------------------------------------------------------------- the sequence


def expect_error(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"no error {errno.errorcode[number]}")


def short_transfers(file):
    assert file.write(b"hello") == 5
    assert file.read(3) == b"hel"
    assert file.read(100) == b"lo"
    assert file.write(b"") == 0
    file.set_nonblocking(True)
    expect_error(errno.EAGAIN, file.read, 10)
    file.set_nonblocking(False)


def long_transfers(file):
    """In memory that begins with a page, and in memory that does not."""
    memory = mmap.mmap(-1, 1 << 20)
    for offset in (0, 100):
        part = (ctypes.c_char * 300_000).from_buffer(memory, offset)
        room = (ctypes.c_char * 400_000).from_buffer(memory, (1 << 19) + offset // 10)
        assert file.write(part) == 300_000
        assert file.read_into(room) == 300_000


def control_calls(file):
    for direction, number, size in ((0, 1, 0), (2, 2, 8), (1, 3, 12), (3, 4, 4100), (3, 5, 1),
                                    (2, 6, 4100), (1, 7, 0), (3, 8, 16383), (0, 9, 20)):
        file.ioctl(ioctl_number(direction, number, size), bytes(size))
    expect_error(errno.EINVAL, file.ioctl, ioctl_number(3, 1, 8, "X"), bytes(8))


def polls(file):
    both = select.POLLIN | select.POLLOUT
    assert file.poll(both, 0) == select.POLLOUT
    assert file.poll(both, PATIENCE) == select.POLLOUT
    assert file.poll(select.POLLIN, 0) == 0
    assert file.poll(select.POLLIN, MOMENT) == 0
    writer = threading.Timer(MOMENT, file.write, [b"woken"])
    writer.start()
    assert file.poll(select.POLLIN, PATIENCE) == select.POLLIN
    writer.join()
    assert file.read(100) == b"woken"


def run_sequence(device):
    file = device.open(os.O_RDWR)
    short_transfers(file)
    long_transfers(file)
    control_calls(file)
    polls(file)
    other = device.open(os.O_RDONLY | os.O_NONBLOCK)
    expect_error(errno.EAGAIN, other.read, 10)
    other.close()
    file.interrupted_read(10)
    device.killed_reader()
    file.close()


# ---------------------------------------------------------------------------- what the server sees

STRACE = ("strace", "-xx", "-s", "128", "-e", "trace=read,writev")

_OPERATIONS = {
    14: ("OPEN", "<II", ("flags", "open_flags")),
    15: ("READ", "<QQIIQII", ("fh", "offset", "size", "read_flags", "owner", "flags", "")),
    16: ("WRITE", "<QQIIQII", ("fh", "offset", "size", "write_flags", "owner", "flags", "")),
    18: ("RELEASE", "<QIIQ", ("fh", "flags", "release_flags", "owner")),
    36: ("INTERRUPT", "<Q", ("unique",)),
    39: ("IOCTL", "<QIIQII", ("fh", "flags", "cmd", "address", "in_size", "out_size")),
    40: ("POLL", "<QQII", ("fh", "kh", "flags", "events")),
    4096: ("CUSE_INIT", "<IIII", ("major", "minor", "", "flags")),
}
_CALL = re.compile(r"^(read|writev)\((\d+), (.*)\) += (\d+)$")


class _Names:
    """Numbers things in the order of their first appearance."""

    def __init__(self):
        self.known = {}

    def __call__(self, kind, value):
        if value == 0:
            return "0"
        kinds = self.known.setdefault(kind, {})
        return f"{kind}{kinds.setdefault(value, len(kinds) + 1)}"


def _field(names, name, value):
    if name in ("fh", "kh"):
        return names(name, value)
    if name in ("owner", "address"):  # whose or where differs; that there is one does not
        return "yes" if value else "no"
    return f"{value:#x}"


def _request(names, data, size):
    header = struct.unpack_from("<IIQQIIIHH", data)
    length, opcode, unique, node, uid, gid, pid, extension, _ = header
    assert length == size, (length, size)
    operation, layout, fields = _OPERATIONS[opcode]
    values = zip(fields, struct.unpack_from(layout, data, 40))
    caller = "caller" if pid else "nobody"
    text = " ".join(f"{name}={_field(names, name, value)}" for name, value in values if name)
    assert (node, uid, gid, extension) == (0, 0, 0, 0)
    return f"{unique:4} {operation} length={length} by={caller} {text}"


def messages(strace_output):
    """One line for each message on the channel; its descriptor is that of the first CUSE_INIT."""
    names, lines, channel = _Names(), [], None
    for line in strace_output.splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, fd, text, size = match.groups()
        parts = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', text)
        data = b"".join(codecs.escape_decode(part)[0] for part in parts)
        if channel is None and data[4:8] == struct.pack("<I", 4096):
            channel = fd
        if fd != channel:
            continue
        if call == "read":
            lines.append(_request(names, data, int(size)))
        else:
            length, error, unique = struct.unpack_from("<IiQ", data)
            lines.append(f"{unique:4}   reply length={length} error={error}")
    return lines


def record(server_command, make_device, pass_fds=()):
    """Runs the echo server under strace and the sequence on its device; returns the messages."""
    server = subprocess.Popen([*STRACE, *server_command], pass_fds=pass_fds,
                              stderr=subprocess.PIPE, text=True)
    # Read all the time, since strace waits when the pipe is full.
    output = []
    reader = threading.Thread(target=lambda: output.extend(server.stderr))
    reader.start()
    try:
        run_sequence(make_device())
    finally:
        _end_child_of(server.pid)
        server.wait(PATIENCE)
        reader.join()
    return messages("".join(output))


def _end_child_of(pid):
    """SIGTERM for strace's tracee, at which the echo server closes its channel."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        for child in children.read().split():
            os.kill(int(child), signal.SIGTERM)


def recording(mode):
    with open(os.path.join(RECORDINGS, f"{mode}.txt"), encoding="ascii") as file:
        return [line for line in file.read().splitlines() if not line.startswith("#")]
