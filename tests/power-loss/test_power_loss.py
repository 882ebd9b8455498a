# SPDX-License-Identifier: BSD-3-Clause
"""Power loss at every point of runs of the real daemon and of swtpm-state, modelled (disk.py).

A sample of what tests/power-loss/run searches.  The environment variable SEED repeats one."""

import os
import random
import shutil
import tempfile
import unittest

import disk
import loss
import scenarios
from fake_kernel import TOP
from plugins import trusted
from recording import NotUnderstood, Recorder

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


def is_for(variant):
    return None if variant == "release" else f"runs under strace ({variant})"


class Searching(unittest.TestCase):
    def setUp(self):
        # In memory, where thousands of disks need not wait for one.
        self.directory = tempfile.mkdtemp(prefix="swtpm-power-loss.", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.directory)

    def search(self, scenario, change=None):
        search = loss.explore(scenario, loss.QUICK, SEED, change)
        print(f"{scenario.name}: {search.points} points, {search.disks} disks, {search.starts} "
              f"starts of a daemon, seed {SEED}")
        return search


class Runs(Searching):
    """One test for each scenario, made below."""


def test_of(name):
    def test(self):
        search = self.search(scenarios.every(self.directory)[name]())
        self.assertEqual([found.text for found in search.found], [])
        self.assertGreater(search.disks, 50)
    return test


for _name in scenarios.every(""):
    setattr(Runs, "test_" + _name.replace(" ", "_").replace(".", ""), test_of(_name))


class Flawed(scenarios.TpmScenario):
    """What a plugin of tests/plugins/bad leaves, which stores as storage-dir does, is read by that."""

    def __init__(self, flaw, directory):
        super().__init__(flaw, directory, scenarios.PLACES["dir"])

    def recorded_daemon(self):
        plugins = trusted(os.path.join(TOP, "build/release/tests/plugins/bad"))
        return self.daemon(self.disk, wrapper=self.strace(), plugin_directory=plugins,
                           storage_uri=f"{self.name}://{self.disk}/state")


def replacements(events):
    """Of the permanent state, in a recording on storage-dir: the indexes of the events."""
    return [index for index, event in enumerate(events)
            if event[0] == "rename" and event[-1] == scenarios.PERMANENT_NAME]


class Unsynced(scenarios.TpmScenario):
    def recorded_daemon(self):
        return self.daemon(self.disk, wrapper=self.strace(), storage_options=",fsync=false")


class WhatIsWrongIsFound(Searching):
    """A model that finds nothing might not look."""

    def flawed(self, flaw):
        return Flawed(flaw, self.directory)

    def found(self, scenario, change=None):
        found = self.search(scenario, change).found
        self.assertEqual(len(found), 1)
        return found[0].text

    def test_nothing_in_the_flawless_plugin(self):
        """The same plugin without its flaw: it is the flaws that are found below."""
        self.assertEqual(self.search(self.flawed("flawless")).found, [])

    def test_a_rename_before_the_data_are_synced(self):
        self.assertRegex(self.found(self.flawed("no-file-sync")), r"loses \[.*bytes.*: damaged|: "
                         r"error .*(damaged|bytes)")

    def test_a_rename_without_a_sync_of_the_directory(self):
        self.assertRegex(self.found(self.flawed("no-directory-sync")),
                         r"loses \[.*made.*; acknowledged is ")

    def test_a_file_that_is_truncated_and_written_in_place(self):
        self.assertIn("error ", self.found(self.flawed("torn-put")))

    def test_a_daemon_that_was_told_not_to_sync(self):
        self.found(Unsynced("unsynced", self.directory, scenarios.PLACES["dir"]))

    def backup_scenario(self, name):
        return scenarios.BackupScenario(name, self.directory, scenarios.PLACES["dir"], "raw128")

    def test_a_backup_that_takes_the_place_of_what_was_acknowledged(self):
        """Also by one who has it at hand, and to whom everything loads.  Of a state that is not whole,
        its HMAC may tell; one that was cut off is replaced."""
        def unsynced(recording):
            at = replacements(recording.events)[-2] - 1
            self.assertEqual(recording.events[at][0], "sync")
            recording.events[at] = ("mark",)
            return recording

        scenario = self.backup_scenario("unsynced")
        scenario.views = lambda root: [scenario.view(root, ",backup")] * 2
        judge = scenario.judge
        scenario.judge = lambda acknowledged, report, fact: (
            None if isinstance(report[0], str) else judge(acknowledged, report, fact))
        self.assertRegex(self.found(scenario, unsynced), "it holds 3; acknowledged is 4")

    @staticmethod
    def moving(number):
        """Changes a recording: the permanent state is moved to its backup before the number-th time
        that it is replaced."""
        name = scenarios.PERMANENT_NAME

        def change(recording):
            at = replacements(recording.events)[number]
            directory = recording.events[at][1]
            recording.events.insert(at, ("rename", directory, name, directory, f"{name}.bak"))
            recording.acknowledged = [index + (index >= at) for index in recording.acknowledged]
            return recording
        return change

    def test_a_state_that_is_moved_away_to_be_the_backup(self):
        """A daemon without the option would find none."""
        self.assertRegex(self.found(self.backup_scenario("moved"), self.moving(2)),
                         f"'{scenarios.PERMANENT_NAME}' .* missing although")

    def test_a_damaged_state_that_becomes_the_backup(self):
        scenario = scenarios.FallBackScenario("damaged", self.directory, scenarios.PLACES["dir"])
        self.assertRegex(self.found(scenario, self.moving(0)), "error .*(damaged|was lost)")

    def test_an_answer_before_the_last_sync(self):
        """Of each storage: the answer to one step comes just before the sync that precedes it."""
        def hurried(recording):
            events = recording.events
            # The third write of the index: only names and values can be lost, no state at all.
            step = 5
            sync = max(index for index in range(recording.acknowledged[step])
                       if events[index][0] in ("sync", "write"))
            recording.acknowledged[step] = sync - 1
            return recording

        for plugin, uri in scenarios.PLACES.items():
            with self.subTest(plugin):
                scenario = scenarios.TpmScenario(f"hurried {plugin}", self.directory, uri)
                self.assertIn("acknowledged is 3", self.found(scenario, hurried))


class Model(unittest.TestCase):
    def disks(self, model):
        limits = loss.Limits(bits=12, samples=0, start_one_in=1)
        return {tuple(sorted(model.tree(set(chosen)).items()))
                for chosen in loss.choices(model.pending(), limits, random.Random(1))}

    def disk(self, *events, tree=None):
        model = disk.Disk("/disk", {"old": b"old"} if tree is None else tree)
        for event in events:
            model.apply(event)
        return model

    def test_a_new_file_may_be_missing_empty_zeros_or_whole(self):
        model = self.disk(("open", 0, "new", ("O_CREAT",)), ("write", 0, 0, b"data"))
        self.assertEqual(self.disks(model), {
            (("old", b"old"),),
            (("new", b""), ("old", b"old")),
            (("new", bytes(4)), ("old", b"old")),
            (("new", b"data"), ("old", b"old"))})

    def test_a_rename_without_a_sync_of_the_data_may_leave_an_empty_file(self):
        model = self.disk(("open", 0, "new", ("O_CREAT",)), ("write", 0, 0, b"data"),
                          ("rename", 0, "new", 0, "old"))
        self.assertIn((("old", b""),), self.disks(model))
        model = self.disk(("open", 0, "new", ("O_CREAT",)), ("write", 0, 0, b"data"), ("sync", 0),
                          ("rename", 0, "new", 0, "old"))
        self.assertEqual(self.disks(model), {
            (("old", b"old"),), (("old", b"data"),), (("new", b"data"), ("old", b"old"))})

    def test_a_synced_directory_keeps_its_names(self):
        model = self.disk(("open", 0, "new", ("O_CREAT",)), ("write", 0, 0, b"data"), ("sync", 0),
                          ("open", 0, ".", ()), ("rename", 0, "new", 0, "old"), ("sync", 1))
        self.assertEqual(self.disks(model), {(("old", b"data"),)})

    def test_a_write_is_torn_between_blocks(self):
        model = self.disk(("open", 0, "old", ()), ("write", 0, 0, b"n" * 1024),
                          tree={"old": b"o" * 1024})
        halves = {b"n" * 512, b"o" * 512}
        self.assertEqual(self.disks(model), {(("old", first + second),)
                                             for first in halves for second in halves})

    def test_a_write_through_goes_past_earlier_ones(self):
        model = self.disk(("open", 0, "old", ()), ("open", 0, "old", ("O_DSYNC",)),
                          ("write", 0, 0, b"1"), ("write", 1, 1, b"2"))
        self.assertEqual(self.disks(model), {(("old", b"o2d"),), (("old", b"12d"),)})

    def test_what_is_cut_off_and_written_again_may_be_old_empty_or_new(self):
        model = self.disk(("open", 0, "old", ("O_TRUNC",)), ("write", 0, 0, b"new"))
        found = {dict(tree)["old"] for tree in self.disks(model)}
        self.assertEqual(found, {b"old", b"", bytes(3), b"new"})

    def test_a_lost_directory_takes_what_is_in_it(self):
        model = self.disk(("mkdir", 0, "d"), ("open", 0, "d", ()), ("open", 1, "f", ("O_CREAT",)),
                          ("sync", 0), tree={})
        self.assertEqual(self.disks(model), {(), (("d", None), ("d/f", b""))})

    def test_calls_that_are_not_understood_are_refused(self):
        for line in (r'1 link("\x61", "\x62") = 0', "1 fallocate(3, 0, 0, 10) = 0",
                     "1 fork() = 2", "1 clone({flags=SIGCHLD}) = 2"):
            with self.subTest(line), self.assertRaises(NotUnderstood):
                Recorder(self.disk()).run([line])

    def test_a_model_that_differs_from_the_disk_is_refused(self):
        with tempfile.TemporaryDirectory() as root:
            model = disk.Disk(root)
            scenarios.check_model(model, root)
            disk.write_tree(os.path.join(root, "more"), {})
            with self.assertRaises(NotUnderstood):
                scenarios.check_model(model, root)
