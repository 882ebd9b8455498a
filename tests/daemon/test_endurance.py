# SPDX-License-Identifier: BSD-3-Clause
"""Many commands, many opens: the daemon keeps its size (issue: 100,000 commands, 1,000 rounds)."""

import time

import ptm
import tpm2
from daemon import IS_SANITIZED, VARIANT
from memory import memory_at_rest_kib
from ptm import Control
from tpm_test import TpmTest

COMMANDS = 100_000 if VARIANT == "release" else 10_000
ROUNDS = 1_000

# What the resident set may grow by, in KiB: one leaked byte per command would be more.
GROWTH_MAX = 90


class Endurance(TpmTest):
    @staticmethod
    def memory_kib(daemon, step):
        """The least of some rounds: when the next command comes at once, it may lie behind up to
        150 KiB that the worker was about to return, and there they stay until the next job."""
        def round_kib():
            step(0)
            return memory_at_rest_kib(daemon.pid)["Rss"]

        return min(round_kib() for _ in range(5))

    def measured(self, daemon, count, step):
        """Runs step(i) so often and checks that memory and descriptors stay what they were."""
        for i in range(count // 20):
            step(i)
        before, descriptors = self.memory_kib(daemon, step), daemon.open_descriptors()
        start = time.monotonic()
        for i in range(count):
            step(i)
        seconds = time.monotonic() - start
        after = self.memory_kib(daemon, step)
        print(f"{self.id().split('.')[-1]}: {count} in {seconds:.1f} s, "
              f"resident {before} KiB before, {after} KiB after")
        self.assertEqual(daemon.open_descriptors(), descriptors)
        # A sanitizer keeps what was freed for a while, and finds leaks by itself.
        if not IS_SANITIZED:
            self.assertLessEqual(after - before, GROWTH_MAX)

    def test_many_commands_on_one_open(self):
        daemon, file, _ = self.start_running()
        command = tpm2.get_random(16)

        def run(_):
            file.write(command)
            if len(file.read()) != 28:
                self.fail("a response of another size")

        self.measured(daemon, COMMANDS, run)

    def test_many_rounds_of_open_command_close(self):
        daemon, first, _ = self.start_running()
        first.close()

        def run(_):
            file = daemon.kernel.open()
            file.write(tpm2.get_random(16))
            self.assertEqual(len(file.read()), 28)
            file.close()

        self.measured(daemon, ROUNDS, run)

    def test_many_control_calls_and_transfers(self):
        daemon, _, _ = self.start_running()

        def run(_):
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

        def run(_):
            self.assertEqual(control.init(), ptm.SUCCESS)
            client.startup()
            self.assertEqual(control.stop(), ptm.SUCCESS)

        self.measured(daemon, 300, run)

    def test_many_commands_for_the_worker(self):
        daemon, _, client = self.start_running()

        def run(_):
            handle = client.create_primary(tpm2.ecc_storage_template())
            client.run(tpm2.flush_context(handle))

        self.measured(daemon, 200, run)
