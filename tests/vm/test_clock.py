# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's clock of the day is set by two hundred years while clients use the device: nothing
hangs, the TPM's clock goes on steadily, and what was stored then is there later."""

import os
import signal
import struct
import threading
import time
import unittest

import tpm2
from device import PATIENCE, DeviceFile, Tpm, server_of, wait_until
from ptm import INIT_DELETE_VOLATILE, SUCCESS, VOLATILE, Control

INDEX = 0x1500000

# The kernel takes no time before 1970, or one that would make its own start earlier than that.
LATE_1970 = 300 * 24 * 3600
BEFORE_2038 = 2**31 - 0.3
BEFORE_2106 = 2**32 - 0.3
TWO_HUNDRED_YEARS = 200 * 365 * 24 * 3600

# In milliseconds: what an unexpected end may take the Clock back by, the longest interval between
# its updates in NV (TPM 2.0 part 1, 36).
CLOCK_UPDATE = 1 << 22


def read_clock(client):
    """(time since start, clock) in milliseconds: TPM2_ReadClock."""
    return struct.unpack_from(">QQ", client.run(tpm2.command(0x181)))


def number(value):
    return value.to_bytes(8, "big")


class Counter(threading.Thread):
    """Reads the clock and counts in NV until it is told to stop."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.over = threading.Event()
        self.clocks = []
        self.value = 0
        self.error = None

    def note_clock(self):
        """In milliseconds: the machine's, the TPM's two, and the machine's again."""
        before = time.monotonic() * 1000
        self.clocks.append((before, *read_clock(self.client), time.monotonic() * 1000))

    def run(self):
        try:
            while not self.over.is_set():
                self.client.run(tpm2.nv_write(INDEX, number(self.value + 1)))
                self.value += 1
                self.note_clock()
        except (OSError, tpm2.TpmError) as error:
            self.error = error


class Clock(unittest.TestCase):
    def setUp(self):
        self.real = time.time() - time.monotonic()
        self.addCleanup(self.set_right)
        self.tpm = Tpm("vtpm-clock", "--tpm2")
        self.addCleanup(self.tpm.remove)
        self.start()
        self.assertEqual(self.control.init(), SUCCESS)
        self.client.startup()
        self.client.run(tpm2.nv_define(INDEX, 8))

    def start(self):
        self.tpm.start()
        self.file = DeviceFile(self.tpm.path)
        self.control, self.client = Control(self.file), tpm2.Tpm2(self.file)

    def set_right(self):
        time.clock_settime(time.CLOCK_REALTIME, self.real + time.monotonic())

    def set_clock(self, seconds):
        time.clock_settime(time.CLOCK_REALTIME, seconds)
        self.assertLess(abs(time.time() - seconds), 5)

    def crash(self):
        self.file.close()
        os.kill(server_of(self.tpm.name), signal.SIGKILL)
        self.tpm.wait()

    def test_commands_and_control_calls_go_on(self):
        counter = Counter(self.client)
        counter.note_clock()
        counter.start()
        with DeviceFile(self.tpm.path) as file:
            control = Control(file)
            for seconds in (self.real + TWO_HUNDRED_YEARS, LATE_1970, BEFORE_2038, BEFORE_2106,
                            LATE_1970, self.real):
                before = counter.value
                self.set_clock(seconds)
                time.sleep(0.6)  # into 2038 and 2106, as 32 bits see them
                self.assertEqual(control.store_volatile(), SUCCESS)
                self.assertTrue(control.get_blob(VOLATILE)[1])
                self.assertEqual(control.lock_storage(), SUCCESS)
                wait_until(lambda: counter.error or counter.value > before, "another write")
        counter.over.set()
        counter.join(PATIENCE)
        self.assertFalse(counter.is_alive(), "a command hangs")
        self.assertIsNone(counter.error)
        for clock in zip(*counter.clocks):
            self.assertEqual(list(clock), sorted(clock))
        first, last = counter.clocks[0], counter.clocks[-1]
        for clock in (1, 2):
            passed = last[clock] - first[clock]
            self.assertGreater(passed, last[0] - first[-1] - 1000)
            self.assertLess(passed, last[-1] - first[0] + 1000)

    def test_what_is_stored_under_an_odd_clock_is_there_under_another(self):
        value, clock = 0, read_clock(self.client)[1]
        for end, seconds in ((self.crash, self.real + TWO_HUNDRED_YEARS), (self.crash, LATE_1970),
                             (self.tpm.stop, BEFORE_2038), (self.crash, LATE_1970),
                             (self.tpm.stop, self.real)):
            with self.subTest(end=end.__name__, seconds=seconds):
                value += 1
                self.client.run(tpm2.nv_write(INDEX, number(value)))
                clock = read_clock(self.client)[1]
                end()
                self.set_clock(seconds)
                self.start()
                self.assertEqual(self.control.init(), SUCCESS)
                self.client.startup()
                self.assertEqual(self.client.nv_read(INDEX, 8), number(value))
                back = 0 if end == self.tpm.stop else CLOCK_UPDATE
                self.assertGreaterEqual(read_clock(self.client)[1], clock - back)

    def test_a_tpm_is_resumed_under_an_odd_clock(self):
        self.client.run(tpm2.pcr_extend(5, bytes(range(32))))
        pcr = self.client.pcr_read(5)
        for seconds in (LATE_1970, self.real + TWO_HUNDRED_YEARS, self.real):
            with self.subTest(seconds=seconds):
                clock = read_clock(self.client)[1]
                self.assertEqual(self.control.store_volatile(), SUCCESS)
                self.crash()
                self.set_clock(seconds)
                self.start()
                self.assertEqual(self.control.init(INIT_DELETE_VOLATILE), SUCCESS)
                self.assertEqual(self.client.pcr_read(5), pcr)
                self.assertGreaterEqual(read_clock(self.client)[1], clock)


if __name__ == "__main__":
    unittest.main()
