# SPDX-License-Identifier: BSD-3-Clause
"""The system calls of a running process, by ptrace(2): it can be killed before any of them.

    with SystemCalls(pid) as calls:
        ... give the process something to do ...
        name = calls.kill_before(5, is_over=lambda: ...)

The process must be a child of this one, and the caller needs the right to trace it.  The thread
that attaches is the one that may go on.
"""

import ctypes
import os
import signal

_SEIZE, _INTERRUPT, _SYSCALL, _DETACH, _GET_SYSCALL_INFO = 0x4206, 0x4207, 24, 17, 0x420E
_OPTION_TRACESYSGOOD, _OPTION_TRACECLONE = 0x01, 0x08
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_ENTRY = 1
_WALL = 0x40000000  # threads too

# These change nothing outside of the process and are not counted: a kill before one of them leaves
# behind what a kill before the next call leaves.  Without poll(2), which the loop may reach before
# or after the worker's first call, the others come in the same order each time.
_INWARD = {"getpid", "gettid", "brk", "mmap", "munmap", "mprotect", "madvise", "futex", "poll",
           "getrandom", "clock_gettime", "rt_sigaction", "rt_sigprocmask", "exit", "exit_group"}


class _Information(ctypes.Structure):
    """struct ptrace_syscall_info, at the entry of a system call"""

    _fields_ = [("op", ctypes.c_uint8), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64),
                ("sp", ctypes.c_uint64), ("number", ctypes.c_uint64),
                ("arguments", ctypes.c_uint64 * 6), ("rest", ctypes.c_uint64)]


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_seccomp = ctypes.CDLL("libseccomp.so.2")
_seccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p


def _ptrace(request, thread, address=None, data=None):
    if _libc.ptrace(request, thread, address, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of {thread}: {os.strerror(error)}")


class SystemCalls:
    def __init__(self, pid):
        self.pid = pid
        self.count = 0  # of the calls that kill_before has counted
        self._threads = set()
        self._stopped = set()

    def __enter__(self):
        for thread in self._all_threads():
            self._attach(thread)
        return self

    def __exit__(self, *_):
        """The process goes on alone, if it still lives."""
        for thread in self._threads - self._stopped:
            self._stop(thread)
        for thread in self._stopped:
            try:
                _ptrace(_DETACH, thread)
            except ProcessLookupError:
                pass

    def kill_before(self, number, is_over, first=None):
        """Lets the process run and kills it before its number-th system call, counted from the
        first that names a path which holds `first` (bytes).  Returns the name of that call, or None
        if the process ended by itself, or if `is_over()` was true when it was to read anew."""
        begun = first is None
        self._resume_all()
        while True:
            thread = self._next_entry()
            if thread is None:
                return None
            name, arguments = self._call(thread)
            if name == "read" and is_over():
                return None
            begun = begun or self._names(arguments, first)
            if begun and name not in _INWARD:
                self.count += 1
                if self.count == number:
                    self._kill()
                    return name
            self._resume(thread)

    # ---------------------------------------------------------------------- inside

    def _all_threads(self):
        return {int(name) for name in os.listdir(f"/proc/{self.pid}/task")}

    def _attach(self, thread):
        options = _OPTION_TRACESYSGOOD | _OPTION_TRACECLONE
        _ptrace(_SEIZE, thread, None, options)
        self._threads.add(thread)
        self._stop(thread)

    def _stop(self, thread):
        try:
            _ptrace(_INTERRUPT, thread)
        except ProcessLookupError:
            return
        os.waitpid(thread, _WALL)
        self._stopped.add(thread)

    def _resume(self, thread, number=0):
        self._stopped.discard(thread)
        _ptrace(_SYSCALL, thread, None, number)

    def _resume_all(self):
        for thread in list(self._stopped):
            self._resume(thread)

    def _next_entry(self):
        """The thread that is about to make a system call; None: the process has ended, and its
        status waits for whoever started it."""
        while True:
            event = os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOWAIT | _WALL)
            if event.si_code != os.CLD_TRAPPED:
                if event.si_pid == self.pid:
                    self._threads.clear()
                    return None
                if event.si_pid not in self._threads:
                    raise AssertionError(f"child {event.si_pid} has ended: {event}")
                self._reap(event.si_pid)
                continue
            thread, status = os.waitpid(event.si_pid, _WALL)
            self._threads.add(thread)
            self._stopped.add(thread)
            if os.WSTOPSIG(status) == _SYSCALL_STOP and self._information(thread).op == _ENTRY:
                return thread
            self._resume(thread, self._signal_of(status))

    @staticmethod
    def _signal_of(status):
        """The signal that is being delivered, if the stop is for one."""
        is_event = status >> 16 != 0 or os.WSTOPSIG(status) == _SYSCALL_STOP
        return 0 if is_event else os.WSTOPSIG(status)

    def _reap(self, thread):
        os.waitpid(thread, _WALL)
        self._threads.discard(thread)
        self._stopped.discard(thread)

    @staticmethod
    def _information(thread):
        information = _Information()
        if _libc.ptrace(_GET_SYSCALL_INFO, thread, ctypes.sizeof(information),
                        ctypes.byref(information)) < 0:
            raise OSError(ctypes.get_errno(), "PTRACE_GET_SYSCALL_INFO")
        return information

    def _call(self, thread):
        information = self._information(thread)
        name = _seccomp.seccomp_syscall_resolve_num_arch(
            ctypes.c_uint32(information.arch), ctypes.c_int(information.number))
        return name.decode(), information.arguments[:2]

    def _names(self, arguments, text):
        """Whether one of the first two arguments points to a string that holds the text."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            return any(text in self._string(memory, argument) for argument in arguments)

    @staticmethod
    def _string(memory, address):
        try:
            memory.seek(address)
            return memory.read(512).split(b"\0")[0]
        except (OSError, OverflowError, ValueError):
            return b""

    def _kill(self):
        """The process is its parent's to reap, its threads are the tracer's, those too that were
        made just now."""
        os.kill(self.pid, signal.SIGKILL)
        for thread in self._all_threads() - {self.pid}:
            while os.WIFSTOPPED(os.waitpid(thread, _WALL)[1]):
                pass
        self._threads.clear()
        self._stopped.clear()
