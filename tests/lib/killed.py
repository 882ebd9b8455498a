# SPDX-License-Identifier: BSD-3-Clause
"""Runs a program again and again, and kills it before another of its system calls each time."""

import collections
import os
import re
import subprocess
import tempfile

_CALL = re.compile(r"^\d+ +([a-z0-9_]+)\(")

# These end the process or cannot be interrupted by a signal that matters.
_NEVER = {"execve", "exit_group", "exit"}


def system_calls(command, first=None):
    """The names of the system calls of a whole run, in order, beginning with the first whose line
    in strace's output holds the text `first`."""
    with tempfile.NamedTemporaryFile("r", prefix="strace.") as trace:
        done = subprocess.run(["strace", "-f", "-s", "300", "-o", trace.name, *command],
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.stderr.decode()}")
        lines = trace.read().splitlines()
    calls, begun = [], first is None
    for line in lines:
        match = _CALL.match(line)
        if match:
            begun = begun or first in line
            calls.append((match[1], begun))
    if not begun:
        raise AssertionError(f"no system call with '{first}'")
    return calls


def kill_points(command, first=None):
    """(name, number) for each system call from `first` on: the number-th call of that name."""
    seen = collections.Counter()
    points = []
    for name, begun in system_calls(command, first):
        seen[name] += 1
        if begun and name not in _NEVER:
            points.append((name, seen[name]))
    return points


def run_killed(command, point):
    """Runs the command until it enters that system call."""
    name, number = point
    done = subprocess.run(
        ["strace", "-f", "-o", os.devnull, "-e", f"trace={name}",
         "-e", f"inject={name}:signal=KILL:when={number}", *command],
        stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode not in (-9, 137):
        raise AssertionError(f"{point}: not killed, status {done.returncode}: "
                             f"{done.stderr.decode()}")
