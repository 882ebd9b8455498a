# SPDX-License-Identifier: BSD-3-Clause
"""Somebody sets the time of day while the daemon runs: nothing hangs, nothing expires."""

import os
import struct
import time

import ptm
import tpm2
from daemon import BUILD_DIR
from ptm import SUCCESS, Control
from tpm_test import SlowCommand, TpmTest

LIBRARY = os.path.join(BUILD_DIR, "tests/libjumping_clock.so")

YEAR = 365 * 24 * 3600

# Before 1970, behind what 32 bits hold, and back.
WILD = (-100 * YEAR, 200 * YEAR, 0, -1, 3600, -YEAR)


def is_for(variant):
    return None if variant == "release" else "a sanitizer has to be the first library"


def jumping(*jumps):
    """The environment of a daemon whose clock jumps by so many seconds at each look."""
    return {"LD_PRELOAD": LIBRARY, "CLOCK_JUMPS": ",".join(map(str, jumps))}


def read_clock(client):
    """(time since start, clock) in milliseconds: TPM2_ReadClock."""
    return struct.unpack_from(">QQ", client.run(tpm2.command(0x181)))


class JumpingClock(TpmTest):
    def start_jumping(self, *options, jumps=WILD, **parameters):
        self.daemon, self.file, self.client = self.start_running(
            environment=jumping(*jumps), options=options, **parameters)
        self.control = Control(self.file)

    def test_the_log_tells_the_time_that_it_is_then(self):
        """And the jumps reach the daemon: without that, nothing here proves anything."""
        self.start_jumping(log_level="2,timestamps")
        self.assertEqual(self.control.stop(), SUCCESS)
        years = {line[:4] for line in self.daemon.log.splitlines() if line[4:5] == "-"}
        self.assertGreater(len(years), 1, self.daemon.log)

    def test_the_time_of_the_tpm_goes_on_steadily(self):
        self.start_jumping()
        start = time.monotonic()
        reads = [read_clock(self.client) for _ in range(50)]
        passed = (time.monotonic() - start) * 1000
        for clock in zip(*reads):
            self.assertEqual(list(clock), sorted(clock))
        self.assertLessEqual(reads[-1][0] - reads[0][0], passed + 1000)

    def test_commands_and_cancels_go_on(self):
        self.start_jumping("--pcap", f"file={os.path.join(self.directory(), 'capture')}")
        self.client.run(tpm2.create_primary(tpm2.ecc_storage_template()))
        other = self.daemon.open()
        _, read = SlowCommand(self.file).during(lambda read: Control(other).cancel())
        read.wait()
        self.assertEqual(len(self.client.get_random(4)), 4)
        self.assertEqual(self.daemon.shut_down(), 0)

    def test_the_lock_is_waited_for_as_long_as_was_asked(self):
        state = os.path.join(self.directory(), "state")
        holder = self.start(state_directory=state)
        waiting = self.start(state_directory=state, environment=jumping(*WILD),
                             options=["--migration", "incoming"])
        control = Control(waiting.open())
        start = time.monotonic()
        self.assertEqual(control.lock_storage(30), ptm.TPM_FAIL)
        self.assertTrue(0.3 <= time.monotonic() - start < 10, time.monotonic() - start)
        holder.shut_down()
        self.assertEqual(control.lock_storage(30), SUCCESS)

    def test_a_volatile_state_is_resumed_from_long_before_and_long_after(self):
        state = os.path.join(self.directory(), "state")
        self.start_jumping(state_directory=state, jumps=(0,))
        self.client.run(tpm2.pcr_extend(5, bytes(range(32))))
        pcr, before = self.client.pcr_read(5), read_clock(self.client)[1]
        self.assertEqual(self.control.store_volatile(), SUCCESS)
        self.daemon.crash()
        for jump in (-YEAR, YEAR):
            daemon = self.start(state_directory=state, environment=jumping(jump))
            with daemon.open() as file:
                self.assertEqual(Control(file).init(), SUCCESS)
                client = tpm2.Tpm2(file)
                self.assertEqual(client.pcr_read(5), pcr)
                self.assertGreaterEqual(read_clock(client)[1], before)
            daemon.crash()
