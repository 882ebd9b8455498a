# SPDX-License-Identifier: BSD-3-Clause
"""What memory a process has, to the page, and what stands in it.

/proc/PID/status will not do: it leaves out what each CPU has counted and not yet handed on, up to
128 KiB for each (proc_pid_status(5) calls it inaccurate).
"""

import os
import re
import time

PATIENCE = 60


def memory_kib(pid):
    """KiB by field of proc_pid_smaps(5), as "Rss", "Pss", "Anonymous", "Private_Dirty"."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        next(file)
        return {name: int(value.split()[0]) for name, value in
                (line.split(":") for line in file)}


def _is_asleep(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2].startswith("S")


def await_idle(pid):
    """Until each thread waits for something to happen (proc_pid_stat(5)).  The daemon returns
    memory to the system when the client has its answer already (core/tpm/worker.c)."""
    end = time.monotonic() + PATIENCE
    while not all(_is_asleep(pid, thread) for thread in os.listdir(f"/proc/{pid}/task")):
        if time.monotonic() > end:
            raise TimeoutError(f"process {pid} has not come to rest within {PATIENCE} s")
        time.sleep(0.001)


def memory_at_rest_kib(pid):
    """As memory_kib, when it is idle."""
    await_idle(pid)
    return memory_kib(pid)


# ------------------------------------------------------------------------------ what is in it

def sanitizer_keeps_memory(variant):
    """For `is_for` of a module that uses `places_of`."""
    if variant in ("asan", "tsan"):
        return "a sanitizer maps terabytes, and keeps what was freed"
    return None


def _writable_mappings(pid):
    """(first address, behind the last, flags) of each (proc_pid_smaps(5))"""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            head = re.match("([0-9a-f]+)-([0-9a-f]+) rw", line)
            if re.match("[0-9a-f]+-", line):
                addresses = (int(head[1], 16), int(head[2], 16)) if head else None
            elif line.startswith("VmFlags:") and addresses:
                found.append((*addresses, line.split()))
    return found


def places_of(pid, secret):
    """The flags of the mapping of each place where it stands, when the process is idle."""
    places = []
    await_idle(pid)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for first, end, flags in _writable_mappings(pid):
            places += [flags] * os.pread(memory.fileno(), end - first, first).count(secret)
    return places
