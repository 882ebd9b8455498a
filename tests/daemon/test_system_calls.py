# SPDX-License-Identifier: BSD-3-Clause
"""What a short command costs the daemon: its read and its reply, twice, and no other thread."""

import collections
import re

import strace
import tpm2
from ptm import Control

COMMANDS = 200
SYSTEM_CALLS_MAX = 4

_LINE = re.compile(r"^(\d+) +(\w+)\(")

is_for = strace.reason_against


class SystemCalls(strace.StraceTest):
    def trace(self, run):
        """Runs run(file) on a daemon; returns the (thread, call) pairs seen meanwhile."""
        daemon, file, _, lines = self.start_traced("all")
        before = len(lines())
        run(file)
        seen = lines()[before:]
        daemon.shut_down()
        return [match.groups() for match in map(_LINE.match, seen) if match]

    def test_a_command_of_12_bytes_costs_at_most_4_and_no_other_thread(self):
        command = tpm2.get_random(16)
        self.assertEqual(len(command), 12)

        def run(file):
            for _ in range(COMMANDS):
                file.write(command)
                self.assertEqual(len(file.read()), 28)

        calls = self.trace(run)
        counted = collections.Counter(name for _, name in calls)
        print(f"{COMMANDS} commands: {dict(counted)}")
        self.assertEqual(len({thread for thread, _ in calls}), 1)
        self.assertLessEqual(len(calls), COMMANDS * SYSTEM_CALLS_MAX)
        self.assertGreaterEqual(counted["writev"], 2 * COMMANDS)

    def test_a_control_call_costs_its_read_and_its_reply(self):
        def run(file):
            for _ in range(COMMANDS):
                Control(file).get_capability()

        calls = self.trace(run)
        self.assertLessEqual(len(calls), COMMANDS * 2)
