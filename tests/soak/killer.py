# SPDX-License-Identifier: BSD-3-Clause
"""Kills the daemon of one configuration in all ways, and sees it come back each time."""

import concurrent.futures
import contextlib
import errno
import functools
import itertools
import os
import random
import shutil
import signal
import threading

from operations import FALL_BACKS, OPERATIONS
from system_calls import SystemCalls
from victim import Lost, Victim

CONFIGURATIONS = {
    **{f"tpm{version}-{storage}-{key}": (version, storage, key, False)
       for version in (2, 12)
       for storage in ("dir", "lmdb", "file")
       for key in ("none", "raw256", "gcm")},
    **{f"tpm{version}-{storage}-{key}-backup": (version, storage, key, True)
       for version in (2, 12)
       for storage, key in (("dir", "none"), ("lmdb", "raw256"), ("file", "gcm"))}}

# The new TPM of the last one has nothing to be killed at any more.
NAMES = (*OPERATIONS, "start", "random", "first-init")

# What a TPM 1.2 takes without an owner, and room for one more operation.
WRITES_MAX = 50


def is_done(pending):
    return all(each.is_done_within(0) for each in pending)


def is_end(error):
    """Whether a call failed because the daemon is gone."""
    return error.errno in (errno.ECONNABORTED, errno.ENOTCONN)


def drop(pending):
    for each in pending:
        each.abandon()


class Killer:
    """Kills the victim of one configuration in all ways."""

    def __init__(self, name, directory, keys, options):
        self.name = name
        self.options = options
        self.version, self.storage, key, self._backup = CONFIGURATIONS[name]
        self.directory = directory
        self.kills = 0  # in the last run
        self.number = 0  # of the last kill in it
        self.call = None  # the name of the system call that it prevented
        self._random = None
        self._places = 0
        self._key_options = keys.options(key)
        self._ways = {"start": self._kill_start, "first-init": self._kill_first_init}
        self._neighbour = self._new_victim(2) if self.storage == "lmdb" else None
        self.victim = self._new_victim(self.version)
        self._possible = set()  # what NV may hold after a random kill

    def _new_victim(self, version):
        self._places += 1
        path = os.path.join(self.directory, "state")
        uri = {"dir": f"dir://{path}{self._places}", "file": f"file://{path}{self._places}",
               "lmdb": f"lmdb://{path}?tpm=tpm{self._places}"}[self.storage]
        return Victim(version, uri, self._key_options, self._backup)

    def operations(self, names):
        """Those of these that there are in this configuration."""
        return [name for name in names if self._backup or name not in FALL_BACKS]

    def begin(self):
        if self._neighbour is not None:
            self._neighbour.create()
        self.victim.create()

    def end(self):
        self.victim.end()
        if self._neighbour is not None:
            self._neighbour.end()
        shutil.rmtree(self.directory)

    def run(self, name):
        """One operation, or one of the other ways to be killed."""
        self._random = random.Random(f"{self.options.seed}/{self.name}/{name}")
        self.kills = 0
        if name == "random":
            self._kill_at_random_times()
        else:
            self._kill_at_each_call(self._ways.get(name) or
                                    functools.partial(self._kill_once, OPERATIONS[name]))

    # -------------------------------------------------------------- one operation after another

    def _kill_at_each_call(self, kill):
        """`kill` tells whether the system call of that number was reached.  Each time the daemon
        lives on or another one has come back."""
        for self.number in self._numbers():
            self.call = None
            if not kill(self.number):
                break

    def _numbers(self):
        """Of the system calls to kill at: all that there are, or a sample."""
        if self.options.call is not None:
            return [self.options.call]
        every = self.options.every
        return itertools.count(self._random.randint(1, every), every)

    def _kill_once(self, operation, number):
        """False: the operation has fewer calls, and went well to its end."""
        victim = self.victim
        operation.prepare(victim)
        values = operation.values(victim)
        with SystemCalls(victim.daemon.pid) as calls:
            pending = operation.submit(victim)
            self.call = calls.kill_before(number,
                                          lambda: is_done(pending) and not operation.is_end)
        if self.call is None and not operation.is_end:
            operation.complete(victim, [each.wait() for each in pending])
            victim.check({victim.value})
            return False
        drop(pending)
        self._expect_end(0 if self.call is None else -signal.SIGKILL)
        victim.come_back(values, operation.may_resume)
        return self.call is not None

    def _expect_end(self, expected=-signal.SIGKILL):
        self.kills += expected != 0
        code = self.victim.bury()
        if code != expected:
            raise Lost(f"the daemon ended with {code}")
        if self._neighbour is not None:
            self._write_as_neighbour()

    def _write_as_neighbour(self):
        """Nobody who dies takes the environment with him."""
        self._neighbour.check({self._neighbour.value})
        self._neighbour.write(self._neighbour.value + 1)

    @contextlib.contextmanager
    def _neighbour_at_work(self):
        """The neighbour writes all the time, so that locks change hands when the kill comes."""
        if self._neighbour is None:
            yield
            return
        over = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            work = pool.submit(self._write_until, over)
            try:
                yield
            finally:
                over.set()
            work.result()

    def _write_until(self, over):
        while not over.is_set():
            self._write_as_neighbour()

    # ------------------------------------------------------------------- other ways to be killed

    def _kill_start(self, number):
        """From the first look at the storage until the device exists."""
        victim = self.victim
        victim.daemon.crash()
        victim.bury()
        pid = victim.launch()
        path = os.path.join(self.directory, "state").encode()
        with SystemCalls(pid) as calls:
            os.kill(pid, signal.SIGCONT)
            self.call = calls.kill_before(number, self._has_device, first=path)
        if self.call is None:
            victim.await_start()
            victim.power_on()
            victim.check({victim.value})
            return False
        self._expect_end()
        victim.come_back({victim.value}, may_resume=False)
        return True

    def _has_device(self):
        try:
            self.victim.daemon.kernel.wait_device(0)
        except TimeoutError:
            return False
        return True

    def _kill_at_random_times(self):
        """While the client counts, and now and then stops or stores the TPM."""
        for self.number in range(self.options.random):
            with self._neighbour_at_work():
                self._kill_at_random_time()
            self._expect_end()
            self.victim.come_back(self._possible, may_resume=True)

    def _kill_at_random_time(self):
        victim = self.victim
        timer = threading.Timer(self._random.uniform(0, 0.03), victim.daemon.signal,
                                (signal.SIGKILL,))
        timer.start()
        self._possible = {victim.value}
        try:
            for _ in range(WRITES_MAX):
                self._possible = {victim.value, victim.value + 1}
                victim.write(victim.value + 1)
                self._possible = {victim.value}
                if self._random.random() < 0.1:
                    self._do_something_else()
        except OSError as error:
            if not is_end(error):
                raise
        timer.join()

    def _do_something_else(self):
        """Uncounted, one of the operations that leave the value alone."""
        name = self._random.choice(("resume", "shutdown", "stop", "init", "store-volatile",
                                    "revive", "fetch-volatile"))
        operation = OPERATIONS[name]
        operation.prepare(self.victim)
        pending = operation.submit(self.victim)
        try:
            operation.complete(self.victim, [each.wait() for each in pending])
        finally:
            drop(pending)

    def _kill_first_init(self, number):
        """Of a new TPM, which nobody knows yet: another daemon must be able to go on."""
        self.victim.end()
        self.victim = self._new_victim(self.version)
        self.victim.start()
        with SystemCalls(self.victim.daemon.pid) as calls:
            pending = OPERATIONS["init"].submit(self.victim)
            self.call = calls.kill_before(number, lambda: is_done(pending))
        drop(pending)
        if self.call is None:
            return False
        self._expect_end()
        self.victim.start()
        self.victim.power_on()
        return True
