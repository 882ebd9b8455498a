# SPDX-License-Identifier: BSD-3-Clause
"""The measuring client (tests/bench/client.h) and what is made of its figures."""

import ctypes
import os
import statistics
import time

import fake_kernel

LIBRARY = os.path.join(fake_kernel.TOP, "build/release/tests/bench/libbench.so")

FAKE_KERNEL, DESCRIPTOR, IN_PROCESS = range(3)


class _Client(ctypes.Structure):
    """struct bench_client"""

    _fields_ = [("way", ctypes.c_int), ("fd", ctypes.c_int), ("file", ctypes.c_void_p)]


class _Command(ctypes.Structure):
    """struct bench_command"""

    _fields_ = [("bytes", ctypes.c_char_p), ("size", ctypes.c_uint32),
                ("counter_offset", ctypes.c_uint32), ("cleanup", ctypes.c_char_p),
                ("cleanup_size", ctypes.c_uint32), ("ioctl_number", ctypes.c_uint32)]


_library = ctypes.CDLL(LIBRARY)


class BenchError(Exception):
    """What was to be measured did not work."""


def _check(result, what):
    if result < 0:
        raise BenchError(f"{what}: {os.strerror(-result)}")
    if result > 0:
        raise BenchError(f"{what}: TPM response code {result:#x}")


def _microseconds(nanoseconds):
    return [value / 1000 for value in nanoseconds]


class Command:
    """What is sent again and again; see struct bench_command."""

    def __init__(self, data, counter_offset=0, cleanup=b"", ioctl_number=0):
        self.data = data
        self.cleanup = cleanup
        self.is_control = ioctl_number != 0
        self.structure = _Command(data, len(data), counter_offset, cleanup or None, len(cleanup),
                                  ioctl_number)


class Client:
    """A way to one TPM: an open device of the fake kernel, a descriptor, or libtpms itself."""

    def __init__(self, file=None, fd=None):
        if file is not None:
            self._structure = _Client(FAKE_KERNEL, -1, file.handle)
        elif fd is not None:
            self._structure = _Client(DESCRIPTOR, fd, None)
        else:
            self._structure = _Client(IN_PROCESS, -1, None)

    def run(self, command, count):
        """Sends a command `count` times; the microseconds of each, and the size of the response."""
        nanoseconds = (ctypes.c_uint64 * count)()
        size = ctypes.c_uint32()
        result = _library.bench_run(ctypes.byref(self._structure), ctypes.byref(command.structure),
                                    count, nanoseconds, ctypes.byref(size))
        _check(result, f"command {command.data[:14].hex()}")
        return _microseconds(nanoseconds), size.value

    def transmit(self, data):
        self.run(Command(data), 1)


def start_library(permanent):
    """libtpms in this process, as the TPM 2 with this state; once."""
    start_library.state = permanent  # the library borrows it
    _check(_library.bench_library_start(permanent, len(permanent)), "libtpms in process")


def bare_store(directory, size, count):
    """The microseconds of each of `count` bare stores without syncs."""
    nanoseconds = (ctypes.c_uint64 * count)()
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _check(_library.bench_bare_store(fd, size, count, nanoseconds), "bare store")
    finally:
        os.close(fd)
    return _microseconds(nanoseconds)


# ------------------------------------------------------------------------------------ processors

def processors():
    """The client's processor, and another one, or the same if there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


class OnProcessor:
    """What is started meanwhile runs there."""

    def __init__(self, processor):
        self._processor = processor

    def __enter__(self):
        self._before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self._processor})

    def __exit__(self, *_):
        os.sched_setaffinity(0, self._before)


# ------------------------------------------------------------------------------------ statistics

def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def summary(values):
    """Of microseconds or any other figures."""
    return {"median": statistics.median(values), "p99": percentile(values, 99),
            "minimum": min(values), "count": len(values)}


def turns(rounds, seconds, least=3):
    """Counts up to `rounds`, but after so many seconds ends with those that are done, so that a busy
    machine gives less figures and not a long wait."""
    end = time.monotonic() + seconds
    for turn in range(rounds):
        if turn >= least and time.monotonic() > end:
            return
        yield turn


class Rounds:
    """Figures of several contestants, taken in turn, round by round."""

    def __init__(self):
        self._rounds = {}

    def add(self, name, values):
        self._rounds.setdefault(name, []).append(values)

    def summary(self, name):
        return summary([value for values in self._rounds[name] for value in values])

    def names(self):
        return list(self._rounds)

    def ratio(self, name, *others):
        """How many times as long as the others together: the median over the rounds, each with its
        own medians, so that what disturbs a round disturbs both sides."""
        medians = {each: [statistics.median(values) for values in self._rounds[each]]
                   for each in (name, *others)}
        floors = map(sum, zip(*(medians[each] for each in others)))
        return statistics.median(own / floor for own, floor in zip(medians[name], floors))
