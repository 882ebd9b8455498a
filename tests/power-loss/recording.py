# SPDX-License-Identifier: BSD-3-Clause
"""What a program did to its disk, and when it answered: strace's output as a list of events.

An event is a tuple: ("open", directory, name, flags), … as the methods of disk.Disk are called, with
the file's or directory's handle as a number; or ("reply",), when the daemon has written to its
channel; or ("mark",), when a client has asked for GET_CONFIG.  A client that does so after each
answer makes it known which reply was which.

Calls that can change a file and are not understood end the recording with an error: a model that
overlooked one would prove nothing.
"""

import os
import re
import struct

from ptm import NUMBER

# What is modelled, and what must not happen in the directory that is recorded.
_MODELLED = ("openat open creat close dup dup2 dup3 fcntl lseek read write writev pwrite64 pwritev "
             "ftruncate fsync fdatasync sync syncfs rename renameat renameat2 unlink unlinkat rmdir "
             "mkdir mkdirat mmap clone clone3 fork vfork").split()
_REFUSED = ("openat2 truncate fallocate copy_file_range sendfile splice pwritev2 link linkat symlink "
            "symlinkat mknod mknodat io_uring_setup fchdir chdir chroot").split()

# As the program to be recorded is started.
STRACE = ("strace", "-f", "-xx", "-s", "99999999", "-e", "signal=none",
          "-e", "trace=" + ",".join(_MODELLED + _REFUSED))

_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\w+)(?: .*)?$", re.DOTALL)
_UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

# <linux/fuse.h>
_FUSE_HEADER = 40
_FUSE_IOCTL = 39
_CUSE_INIT = 4096

# The request that a client makes after each answer.
_MARK = NUMBER["GET_CONFIG"]


class NotUnderstood(Exception):
    pass


def _bytes(text):
    return bytes.fromhex(text.replace("\\x", ""))


def _texts(arguments):
    return [_bytes(text) for text in _TEXT.findall(arguments)]


def _numbers(arguments):
    """The arguments that are no strings, split at commas."""
    return [part.strip() for part in _TEXT.sub("", arguments).split(",")]


def _fd(text):
    return None if text == "AT_FDCWD" else int(text)


def calls(lines):
    """(thread, name, arguments, result) of each call that returned, in the order of their ends; for
    writes to a channel, whose reader may be faster than strace, of their beginnings."""
    unfinished = {}
    for line in lines:
        thread, rest = _LINE.match(line).groups()
        if match := _UNFINISHED.match(rest):
            unfinished[thread] = match.groups()
            continue
        if match := _RESUMED.match(rest):
            name, begun = unfinished.pop(thread)
            rest = f"{name}({begun}{match[2]}"
        if match := _CALL.match(rest):
            name, arguments, result = match.groups()
            if result.lstrip("-").isdigit() or result.startswith("0x"):
                yield thread, name, arguments, int(result, 0)


class Recorder:
    """Follows the descriptors of one process, and makes events of its calls on a disk."""

    def __init__(self, disk):
        self.disk = disk
        self.events = []
        self.handles = {}  # descriptor: what Disk.open gave
        self.positions = {}
        self.copies = {}  # descriptor: the same object for all copies of one
        self.channel = None  # that object

    def run(self, lines):
        for _, name, arguments, result in calls(lines):
            if result >= 0:
                self._call(name, arguments, result)
        return self.events

    def _note(self, *event):
        self.events.append(event)
        return self.disk.apply(event)

    # ------------------------------------------------------------------------ calls

    def _call(self, name, arguments, result):
        if name in _REFUSED:
            raise NotUnderstood(f"{name}({arguments[:200]})")
        getattr(self, f"_{name}", self._ignore)(arguments, result)

    def _ignore(self, arguments, result):
        pass

    def _place(self, fd, path):
        """(directory handle, name) of a path on the disk, or None for one elsewhere."""
        return self.disk.place(None if fd is None else self.handles.get(fd), os.fsdecode(path))

    def _openat(self, arguments, result, numbers=None):
        numbers = numbers or _numbers(arguments)
        flags = set(numbers[2].split("|"))
        self._forget(result)
        place = self._place(_fd(numbers[0]), _texts(arguments)[0])
        if place is None:
            return
        if "O_TMPFILE" in flags:
            raise NotUnderstood(arguments)
        keep = flags & {"O_CREAT", "O_TRUNC", "O_APPEND", "O_SYNC", "O_DSYNC"}
        self.handles[result] = self._note("open", *place, tuple(sorted(keep)))
        self.positions[result] = 0

    def _open(self, arguments, result):
        self._openat(arguments, result, ["AT_FDCWD", *_numbers(arguments)])

    def _creat(self, arguments, result):
        self._openat(arguments, result, ["AT_FDCWD", "", "O_CREAT|O_TRUNC"])

    def _forget(self, fd):
        for table in (self.handles, self.positions, self.copies):
            table.pop(fd, None)

    def _close(self, arguments, _):
        self._forget(int(arguments))

    def _dup(self, arguments, result):
        self._copy(int(_numbers(arguments)[0]), result)

    _dup2 = _dup3 = _dup

    def _fcntl(self, arguments, result):
        numbers = _numbers(arguments)
        if numbers[1].startswith("F_DUPFD"):
            self._copy(int(numbers[0]), result)

    def _copy(self, old, new):
        if old == new:
            return
        self._forget(new)
        if old in self.handles:
            # A shared position is not followed.
            raise NotUnderstood("a second descriptor of a file")
        self.copies[new] = self.copies.setdefault(old, object())

    def _is_channel(self, fd):
        return self.channel is not None and self.copies.get(fd) is self.channel

    def _clone(self, arguments, _):
        if "CLONE_FILES" not in arguments:
            raise NotUnderstood("a second process")

    _clone3 = _clone

    def _fork(self, arguments, _):
        raise NotUnderstood("a second process")

    _vfork = _fork

    # ------------------------------------------------------------------------- data

    def _lseek(self, arguments, result):
        self._move(int(_numbers(arguments)[0]), result)

    def _move(self, fd, position):
        if fd in self.positions:
            self.positions[fd] = position

    def _read(self, arguments, result):
        fd = int(_numbers(arguments)[0])
        if result >= _FUSE_HEADER and fd not in self.handles:
            self._request(fd, _texts(arguments)[0])
        if fd in self.positions:
            self.positions[fd] += result

    def _request(self, fd, data):
        """The first of all is CUSE_INIT, which tells the channel."""
        operation, = struct.unpack_from("<I", data, 4)
        if self.channel is None and operation == _CUSE_INIT:
            self.channel = self.copies.setdefault(fd, object())
        elif self._is_channel(fd) and operation == _FUSE_IOCTL and \
                struct.unpack_from("<I", data, _FUSE_HEADER + 12)[0] == _MARK:
            self._note("mark")

    def _write(self, arguments, result):
        fd = int(_numbers(arguments)[0])
        if self._is_channel(fd):
            self._note("reply")
        if fd in self.handles:
            data = b"".join(_texts(arguments))[:result]
            self.positions[fd] = self._note("write", self.handles[fd], self.positions[fd], data)

    _writev = _write

    def _pwrite64(self, arguments, result):
        numbers = _numbers(arguments)
        fd = int(numbers[0])
        if fd in self.handles:
            data = b"".join(_texts(arguments))[:result]
            self._note("write", self.handles[fd], int(numbers[-1]), data)

    _pwritev = _pwrite64

    def _ftruncate(self, arguments, _):
        fd, size = map(int, _numbers(arguments))
        if fd in self.handles:
            self._note("truncate", self.handles[fd], size)

    def _fsync(self, arguments, _):
        if int(arguments) in self.handles:
            self._note("sync", self.handles[int(arguments)])

    _fdatasync = _fsync

    def _sync(self, *_):
        self._note("sync", None)

    def _syncfs(self, arguments, _):
        if int(arguments) in self.handles:
            self._note("sync", None)

    def _mmap(self, arguments, _):
        numbers = _numbers(arguments)
        if "MAP_SHARED" in numbers[3] and "PROT_WRITE" in numbers[2] and \
                int(numbers[4]) in self.handles:
            self._note("map", self.handles[int(numbers[4])])

    # ------------------------------------------------------------------------ names

    def _renameat(self, arguments, _, numbers=None):
        numbers = numbers or _numbers(arguments)
        old, new = _texts(arguments)
        source = self._place(_fd(numbers[0]), old)
        target = self._place(_fd(numbers[2]), new)
        if (source is None) != (target is None):
            raise NotUnderstood(f"a rename to or from another place: {old} {new}")
        if source is not None:
            self._note("rename", *source, *target)

    def _renameat2(self, arguments, result):
        if _numbers(arguments)[4] not in ("0", "RENAME_NOREPLACE"):
            raise NotUnderstood(f"renameat2({arguments})")
        self._renameat(arguments, result)

    def _rename(self, arguments, result):
        self._renameat(arguments, result, ["AT_FDCWD", "", "AT_FDCWD", ""])

    def _unlinkat(self, arguments, _, numbers=None):
        place = self._place(_fd((numbers or _numbers(arguments))[0]), _texts(arguments)[0])
        if place is not None:
            self._note("unlink", *place)

    def _unlink(self, arguments, result):
        self._unlinkat(arguments, result, ["AT_FDCWD"])

    _rmdir = _unlink

    def _mkdirat(self, arguments, _, numbers=None):
        place = self._place(_fd((numbers or _numbers(arguments))[0]), _texts(arguments)[0])
        if place is not None:
            self._note("mkdir", *place)

    def _mkdir(self, arguments, result):
        self._mkdirat(arguments, result, ["AT_FDCWD"])
