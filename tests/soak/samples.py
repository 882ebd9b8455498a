# SPDX-License-Identifier: BSD-3-Clause
"""Memory, descriptors and threads of processes over time, and what to think of them."""

import csv
import os
import statistics

from memory import memory_kib

# What the memory of a process may have grown by from its early days to the end, in KiB.  In its
# first minutes it has not yet done everything once.
GROWTH_MAX, YOUNG_GROWTH_MAX = 80, 256
YOUNG_SECONDS = 600

# Fewer samples than this of one process say nothing.
SAMPLES_MIN = 10

_COLUMNS = ("seconds", "tpm", "pid", "anonymous_kib", "resident_kib", "descriptors", "threads",
            "cpu_seconds")
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Footprint:
    """What a process has of memory (KiB), descriptors and threads."""

    def __init__(self, pid):
        memory = memory_kib(pid)
        self.anonymous_kib, self.resident_kib = memory["Anonymous"], memory["Rss"]
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.threads = len(os.listdir(f"/proc/{pid}/task"))


class Samples:
    """Rows of _COLUMNS, kept in memory and in a CSV file."""

    def __init__(self, path):
        self._rows = []
        self._file = open(path, "w", newline="", encoding="ascii")
        self._csv = csv.writer(self._file)
        self._csv.writerow(_COLUMNS)

    def take(self, seconds, tpm, pid):
        """A process that has just ended gives none."""
        try:
            now = Footprint(pid)
            row = (round(seconds, 1), tpm, pid, now.anonymous_kib, now.resident_kib,
                   now.descriptors, now.threads, cpu_seconds(pid))
        except (FileNotFoundError, ProcessLookupError, KeyError):
            return
        self._rows.append(row)
        self._csv.writerow(row)
        self._file.flush()

    def close(self):
        self._file.close()

    def cpu_seconds(self):
        """Of all processes together."""
        return sum({row[2]: row[7] for row in self._rows}.values())

    def count(self):
        return len(self._rows)

    def verdicts(self):
        """One for each process that was seen often enough."""
        lives = {}
        for row in self._rows:
            lives.setdefault(row[2], []).append(row)
        return [Verdict(rows) for rows in lives.values() if len(rows) >= SAMPLES_MIN]


class Verdict:
    """Compares the second fifth of a process's samples (the first is its warming up) with the last.

    Descriptors and threads come and go: a leak raises the fewest that are seen."""

    def __init__(self, rows):
        fifth = len(rows) // 5
        early, late = rows[fifth:2 * fifth], rows[-fifth:]
        self.tpm, self.pid = rows[0][1:3]
        self.seconds = rows[-1][0] - rows[0][0]
        self.early_kib, self.late_kib = (statistics.median(row[3] for row in part)
                                         for part in (early, late))
        self.resident_kib = max(row[4] for row in rows)
        self.descriptors = tuple(min(row[5] for row in part) for part in (early, late))
        self.threads = tuple(min(row[6] for row in part) for part in (early, late))

    @property
    def growth_kib(self):
        return self.late_kib - self.early_kib

    @property
    def complaints(self):
        is_young = self.seconds < YOUNG_SECONDS
        if self.growth_kib > (YOUNG_GROWTH_MAX if is_young else GROWTH_MAX):
            yield f"memory grew from {self.early_kib} to {self.late_kib} KiB"
        if self.descriptors[1] > self.descriptors[0]:
            yield f"descriptors: {self.descriptors[0]}, then {self.descriptors[1]}"
        if self.threads[1] > self.threads[0]:
            yield f"threads: {self.threads[0]}, then {self.threads[1]}"

    def __str__(self):
        return (f"TPM {self.tpm:2} pid {self.pid} {self.seconds:6.0f} s: anonymous memory "
                f"{self.early_kib:.0f} -> {self.late_kib:.0f} KiB, at most {self.resident_kib} KiB "
                f"resident, descriptors {self.descriptors[0]} -> {self.descriptors[1]}, threads "
                f"{self.threads[0]} -> {self.threads[1]}")
