# SPDX-License-Identifier: BSD-3-Clause
"""Python's side of tests/fault/inject.h: says which call of a process fails, and counts calls."""

import collections
import ctypes
import errno
import mmap
import os
import re
import tempfile

from fake_kernel import TOP

LIBRARY = os.path.join(TOP, "build/release/tests/libinject.so")

FAILS, SHORT, FAILS_AFTER = range(3)


def _class_names():
    library = ctypes.CDLL(LIBRARY)
    first = ctypes.c_char_p.in_dll(library, "fault_class_names")
    pointer = ctypes.cast(ctypes.pointer(first), ctypes.POINTER(ctypes.c_char_p))
    names, text = [], "memory"
    while text != "crypto.pbkdf2":
        text = pointer[len(names)].decode()
        names.append(text)
    return names


CLASSES = _class_names()

ALLOCATIONS = ("memory", "library-memory")
# The classes whose calls have their stacks noted, and for how many of them.
_NOTED = (*ALLOCATIONS, "random")
_STACKS = 131072


class _Control(ctypes.Structure):
    """struct fault_control"""

    _fields_ = [("active", ctypes.c_uint32), ("from_main", ctypes.c_uint32),
                ("number_of_class", ctypes.c_uint32), ("number", ctypes.c_uint32),
                ("manner", ctypes.c_uint32), ("error", ctypes.c_int32),
                ("struck", ctypes.c_uint32), ("counts", ctypes.c_uint32 * len(CLASSES)),
                ("caller", ctypes.c_char * 256), ("filter", ctypes.c_uint32),
                ("stacks", ctypes.c_uint32 * _STACKS * len(_NOTED))]


class Fault(collections.namedtuple("Fault", "name manner error")):
    """How a call fails; `name` is what it is called in a report."""


# enum swtpm_plugin_result
PLUGIN_RESULTS = {"NOT_FOUND": -1, "TOO_SMALL": -2, "BUSY": -3, "DENIED": -4, "NO_SPACE": -5,
                  "CORRUPT": -6, "UNSUPPORTED": -7, "NO_MEMORY": -8, "IO": -9, "INVALID": -10,
                  "FENCED": -11}


def _errors(*names):
    return [Fault(name, FAILS, getattr(errno, name)) for name in names]


_SHORT = Fault("short", SHORT, 0)
_FAULTS = {
    "memory": _errors("ENOMEM"),
    "library-memory": _errors("ENOMEM"),
    "open": _errors("EMFILE", "EIO", "EINTR", "ENOSPC"),
    "make-descriptor": _errors("EMFILE", "ENOMEM"),
    "read": [*_errors("EIO", "EINTR", "EAGAIN"), _SHORT],
    "write": [*_errors("EIO", "ENOSPC", "EINTR", "EAGAIN"), _SHORT],
    "sync": [*_errors("EIO", "ENOSPC", "EINTR"), Fault("EIO after", FAILS_AFTER, errno.EIO)],
    "rename": _errors("EIO", "ENOSPC"),
    "unlink": _errors("EIO", "EACCES"),
    "truncate": _errors("EIO", "EINTR"),
    "fcntl": _errors("EBADF", "EMFILE", "EINTR", "EAGAIN", "ENOLCK"),
    "duplicate": _errors("EMFILE", "EINTR"),
    "close": _errors("EIO", "EINTR"),
    "make-directory": _errors("ENOSPC"),
    "map": _errors("ENOMEM"),
    "mlock": _errors("ENOMEM", "EAGAIN"),
    "poll": _errors("ENOMEM", "EINTR"),
    "process": _errors("EAGAIN", "EINTR"),
    "identity": _errors("EPERM", "ENOMEM"),
    "random": _errors("EAGAIN", "EINTR"),
    "syscall": _errors("ENOSYS", "EINTR", "ENOMEM"),
}
_OTHERS = _errors("EIO")
_OPS = [Fault(name, FAILS, code) for name, code in PLUGIN_RESULTS.items()]
_CHANGING_OPS = _OPS + [Fault("IO after", FAILS_AFTER, PLUGIN_RESULTS["IO"])]


def faults_of(name):
    """Each way in which a call of that class can fail."""
    if name in ("storage.put", "storage.del"):
        return _CHANGING_OPS
    return _OPS if "." in name else _FAULTS.get(name, _OTHERS)


class Point(collections.namedtuple("Point", "name number fault")):
    """The `number`-th call of class `name` fails in that way."""

    def __str__(self):
        return f"{self.name}:{self.number}:{self.fault.name.replace(' ', '-')}"

    @staticmethod
    def from_text(text):
        """ValueError: there is no such point."""
        match = re.fullmatch("([^:]+):([1-9][0-9]*):([^:]+)", text)
        if match is None or match[1] not in CLASSES:
            raise ValueError("a point is like sync:2:EIO")
        name, number, fault = match.groups()
        for candidate in faults_of(name):
            if candidate.name.replace(" ", "-") == fault:
                return Point(name, int(number), candidate)
        raise ValueError(f"{name} has no fault {fault}")


class Injector:
    """One process's control file."""

    def __init__(self, directory, point=None, from_main=False):
        with tempfile.NamedTemporaryFile(dir=directory, prefix="fault.", delete=False) as file:
            self.path = file.name
            file.truncate(ctypes.sizeof(_Control))
            self._memory = mmap.mmap(file.fileno(), ctypes.sizeof(_Control))
        self._control = _Control.from_buffer(self._memory)
        self._control.from_main = from_main
        if point is not None:
            self._control.number_of_class = CLASSES.index(point.name)
            self._control.number = point.number
            self._control.manner = point.fault.manner
            self._control.error = point.fault.error

    @property
    def environment(self):
        """What the process has to be started with."""
        return {"LD_PRELOAD": LIBRARY, "SWTPM_FAULT_CONTROL": self.path}

    def begin(self):
        """From here on calls are counted."""
        self._control.active = 1

    def end(self):
        self._control.active = 0

    @property
    def struck(self):
        return self._control.struck == 1

    @property
    def spared(self):
        """Such a call cannot fail in this way: a socket knows no short write."""
        return self._control.struck == 2

    @property
    def caller(self):
        return self._control.caller.decode()

    @property
    def filter(self):
        """A hash of the system call filter that is in force, 0 without one."""
        return self._control.filter

    def has_starved(self, library):
        """Whether it was an allocation of that library that failed; of its name the beginning."""
        of_memory = self._control.number_of_class in map(CLASSES.index, ALLOCATIONS)
        return of_memory and self.struck and os.path.basename(self.caller).startswith(library)

    def counts(self):
        """{class: calls}, without those that were never made."""
        return {name: count for name, count in zip(CLASSES, self._control.counts) if count}

    def stacks(self):
        """{class: a hash of the call stack of each call}, of a run without a fault."""
        return {name: self._control.stacks[i][:self._control.counts[CLASSES.index(name)]]
                for i, name in enumerate(_NOTED)}
