# SPDX-License-Identifier: BSD-3-Clause
"""Takes the power away after every event of a recording, and judges each disk that may be left."""

import collections
import os
import random
import shutil
import subprocess

from daemon import PLUGINS
from disk import Disk, write_tree
from programs import BUILD_DIR
from scenarios import reported

LOADER = os.path.join(BUILD_DIR, "tests/power-loss/load_disks")

# So many disks lie in memory at once.
BATCH = 200

# A medium whose blocks have this size loses them together.
LARGE_BLOCK = 4096


class Limits:
    """How far the combinations go.  Up to `bits` pending changes each subset of them is tried, and
    beyond that each subset of the writes and names; if these are more, too, `samples` of them.  Of
    writes that are torn, each beginning of theirs, and `samples` other parts.  A daemon is started
    on one of `start_one_in` disks, beside the first with each report."""

    def __init__(self, bits, samples, start_one_in):
        self.bits, self.samples, self.start_one_in = bits, samples, start_one_in


QUICK = Limits(bits=7, samples=12, start_one_in=400)
LONG = Limits(bits=14, samples=2000, start_one_in=400)


# A disk, and the changes that it lacks; a disk that should not be, and why.
Left = collections.namedtuple("Left", "tree lost")
Found = collections.namedtuple("Found", "text tree")


def digest(tree):
    """Tells trees apart, and needs no memory for them."""
    return tuple((path, -1 if content is None else len(content), hash(content))
                 for path, content in sorted(tree.items()))


# ------------------------------------------------------------------------------------ choices


def _subsets(groups):
    for mask in range(1 << len(groups)):
        yield [change for index, group in enumerate(groups) if mask >> index & 1
               for change in group]


def _some_subsets(groups, samples, chance):
    """None, all, each alone, all but each, and random ones."""
    everything = [change for group in groups for change in group]
    yield []
    yield everything
    for group in groups:
        yield group
        yield [change for change in everything if change not in group]
    for _ in range(samples):
        yield [change for group in groups if chance.getrandbits(1) for change in group]


def _torn(group, samples, chance):
    """Parts of one write."""
    for end in range(1, len(group)):
        yield group[:end]
        yield group[end:]
    for _ in range(samples):
        yield [change for change in group if chance.getrandbits(1)]
        kept = chance.getrandbits(64)
        yield [change for change in group
               if kept >> (getattr(change, "offset", 0) // LARGE_BLOCK % 64) & 1]


def choices(pending, limits, chance):
    """Lists of changes that reach the medium while the others do not."""
    if len(pending) <= limits.bits:
        yield from _subsets([[change] for change in pending])
        return
    writes = {}
    for change in pending:
        writes.setdefault(change.number, []).append(change)
    groups = list(writes.values())
    if len(groups) <= limits.bits:
        yield from _subsets(groups)
    else:
        yield from _some_subsets(groups, limits.samples, chance)
    for group in groups:
        others = [change for change in pending if change not in group]
        for part in _torn(group, limits.samples if len(group) > 2 else 0, chance):
            yield part
            yield part + others
    for _ in range(limits.samples):
        yield [change for change in pending if chance.getrandbits(1)]


# ------------------------------------------------------------------------------------ the search


class Search:
    """All points of one recording of a scenario, up to the first disk that should not be."""

    def __init__(self, scenario, limits, seed):
        self.scenario, self.limits = scenario, limits
        self.chance = random.Random(f"{seed} {scenario.name}")
        self.found = []
        self.points = self.judged = self.starts = 0
        self.reports = {}  # digest of a disk: what load_disks said
        self.facts = {}    # report: what a daemon said
        self.seen = set()
        self.place = os.path.join(scenario.directory, "left")
        self.loader = subprocess.Popen([LOADER, PLUGINS], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)

    def close(self):
        self.loader.stdin.close()
        self.loader.stdout.close()
        self.loader.wait()

    @property
    def disks(self):
        return len(self.reports)

    def run(self, recording):
        disk = Disk(self.scenario.disk, recording.tree)
        acknowledged = 0
        for index, event in enumerate(recording.events):
            disk.apply(event)
            acknowledged += recording.acknowledged.count(index)
            if event[0] not in ("mark", "map"):
                self._lose_power(disk, acknowledged, f"event {index} ({describe(event)})")
            if self.found:
                return

    def _lose_power(self, disk, acknowledged, where):
        self.points += 1
        pending = disk.pending()
        left = {}
        for chosen in choices(pending, self.limits, self.chance):
            tree = disk.tree(set(chosen))
            key = digest(tree)
            if (key, acknowledged) not in self.seen:
                self.seen.add((key, acknowledged))
                left[key] = Left(tree, [change for change in pending if change not in chosen])
            if len(left) == BATCH:
                self._judge(left, acknowledged, where)
                left = {}
            if self.found:
                return
        self._judge(left, acknowledged, where)

    def _judge(self, left, acknowledged, where):
        self._load({key: each.tree for key, each in left.items() if key not in self.reports})
        for key, (tree, lost) in left.items():
            self.judged += 1
            text = self.scenario.judge(acknowledged, self.reports[key], self._fact(key, tree))
            if text is not None:
                self.found.append(Found(f"{self.scenario.name}: power loss after {where}, "
                                        f"{acknowledged} steps acknowledged, loses {lost}: {text}",
                                        tree))
                return

    # ------------------------------------------------------------------------ what is on a disk

    def _load(self, trees):
        roots = {key: os.path.join(self.place, str(number)) for number, key in enumerate(trees)}
        for key, tree in trees.items():
            write_tree(roots[key], tree)
        for key, root in roots.items():
            self.reports[key] = tuple(reported(self._ask(line).replace(root, "DISK"))
                                      for line in self.scenario.views(root))
        shutil.rmtree(self.place, ignore_errors=not trees)

    def _ask(self, line):
        self.loader.stdin.write(line + "\n")
        self.loader.stdin.flush()
        answer = self.loader.stdout.readline().rstrip("\n")
        if not answer:
            raise AssertionError(f"load_disks ended at {line}")
        return answer

    def _fact(self, key, tree):
        report = self.reports[key]
        if report not in self.facts:
            self.facts[report] = self._start(report, tree)
        elif self.chance.randrange(self.limits.start_one_in) == 0:
            again = self._start(report, tree)
            if again != self.facts[report]:
                return f"{again}, and {self.facts[report]} with the same states on another disk"
        return self.facts[report]

    def _start(self, report, tree):
        self.starts += 1
        write_tree(self.place, tree)
        try:
            return self.scenario.fact(self.place, report)
        finally:
            shutil.rmtree(self.place)


def describe(event):
    parts = [f"{len(part)} bytes" if isinstance(part, bytes) else str(part) for part in event]
    return " ".join(parts)


def explore(scenario, limits, seed, change=None):
    """Records the scenario and searches it; `change` makes another recording of the one that was
    recorded.  Returns the search, closed."""
    recording = scenario.record()
    search = Search(scenario, limits, seed)
    try:
        search.run(change(recording) if change else recording)
    finally:
        search.close()
    return search
