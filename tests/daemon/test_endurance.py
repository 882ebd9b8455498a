# SPDX-License-Identifier: BSD-3-Clause
"""Many commands, many opens: the daemon keeps its size (issue: 100,000 commands, 1,000 rounds)."""

import time

import ptm
import tpm2
from daemon import IS_SANITIZED, VARIANT
from memory import await_idle, memory_kib
from ptm import Control
from tpm_test import TpmTest

COMMANDS = 100_000 if VARIANT == "release" else 10_000
ROUNDS = 1_000

# What the resident set may grow by, in KiB: one leaked byte per command would be more.
GROWTH_MAX = 90


class Endurance(TpmTest):
    @staticmethod
    def memory_kib(daemon, calls):
        """The least of some rounds in which each call finds the daemon at rest: one that comes at
        once may take up to 150 KiB that the worker was about to return, and that stay until its
        next job."""
        def round_kib():
            for call in calls:
                call()
                await_idle(daemon.pid)
            return memory_kib(daemon.pid)["Rss"]

        return min(round_kib() for _ in range(5))

    def measured(self, daemon, count, *calls):
        """Makes the calls so often, and checks that memory and descriptors stay what they were."""
        def repeat(count):
            for _ in range(count):
                for call in calls:
                    call()

        repeat(count // 20)
        before, descriptors = self.memory_kib(daemon, calls), daemon.open_descriptors()
        start = time.monotonic()
        repeat(count)
        seconds = time.monotonic() - start
        after = self.memory_kib(daemon, calls)
        print(f"{self.id().split('.')[-1]}: {count} in {seconds:.1f} s, "
              f"resident {before} KiB before, {after} KiB after")
        self.assertEqual(daemon.open_descriptors(), descriptors)
        # A sanitizer keeps what was freed for a while, and finds leaks by itself.
        if not IS_SANITIZED:
            self.assertLessEqual(after - before, GROWTH_MAX)

    def test_many_commands_on_one_open(self):
        daemon, file, _ = self.start_running()
        command = tpm2.get_random(16)

        def run():
            file.write(command)
            if len(file.read()) != 28:
                self.fail("a response of another size")

        self.measured(daemon, COMMANDS, run)

    def test_many_rounds_of_open_command_close(self):
        daemon, first, _ = self.start_running()
        first.close()

        def run():
            file = daemon.kernel.open()
            file.write(tpm2.get_random(16))
            self.assertEqual(len(file.read()), 28)
            file.close()

        self.measured(daemon, ROUNDS, run)

    def test_many_control_calls_and_transfers(self):
        daemon, _, _ = self.start_running()

        def run():
            file = daemon.kernel.open()
            control = Control(file)
            control.get_capability()
            control.info(1)
            control.blob_part(ptm.VOLATILE)  # and abandons it
            file.poll(1)
            file.close()

        self.measured(daemon, ROUNDS, run)

    def test_many_starts_and_stops_of_the_tpm(self):
        daemon, file, client = self.start_running()
        control = Control(file)
        self.measured(daemon, 300, lambda: self.assertEqual(control.init(), ptm.SUCCESS),
                      client.startup, lambda: self.assertEqual(control.stop(), ptm.SUCCESS))

    def test_many_commands_for_the_worker(self):
        daemon, _, client = self.start_running()
        template = tpm2.ecc_storage_template()
        keys = []
        self.measured(daemon, 200, lambda: keys.append(client.create_primary(template)),
                      lambda: client.run(tpm2.flush_context(keys.pop())))
