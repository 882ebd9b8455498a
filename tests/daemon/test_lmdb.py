# SPDX-License-Identifier: BSD-3-Clause
"""A thousand TPMs in one LMDB environment, fifty of them running at once and writing, some killed:
every acknowledged write is there, and the file does not grow for being written to."""

import os
import random
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import tpm2
from daemon import BUILD_DIR, PATIENCE, PLUGINS, Daemon
from programs import ours, run
from ptm import Control
from store import STORAGE
from tpm2 import Tpm2

CROWD = os.path.join(BUILD_DIR, "tests/bench/storage_crowd")
TPMS, RUNNING, KILLED = 1000, 50, 20
WRITING_SECONDS = 4
NV_INDEX = 0x1500042


def is_for(variant):
    if variant != "release":
        return "a crowd of sanitized daemons takes too much memory"
    return None if STORAGE == "dir" else f"STORAGE={STORAGE}: it has a store of its own"


class WithEnvironment(unittest.TestCase):
    def setUp(self):
        # In memory, where thousands of durable writes need not wait for a disk.
        directory = tempfile.mkdtemp(prefix="swtpm-cuse-test.", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, directory)
        self.environment = os.path.join(directory, "many")

    def crowd(self, writers, seconds, overwrites):
        done = subprocess.run([CROWD, PLUGINS, self.environment, str(TPMS), str(writers),
                               str(seconds), str(overwrites)],
                              capture_output=True, text=True, timeout=500, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Store(WithEnvironment):
    def test_nothing_acknowledged_is_lost_and_the_file_does_not_grow(self):
        output = self.crowd(RUNNING, WRITING_SECONDS, 2000)
        self.assertIn("every acknowledged write is there", output)
        self.assertIn("grew by 0 bytes", output)
        self.assertNotIn(" 0 killed", output)


class Running:
    """A daemon with a TPM of its own, and a thread that writes to the TPM until it ends."""

    def __init__(self, environment, number):
        self.uri = f"lmdb://{environment}?tpm=running-{number}"
        self.acknowledged = 0
        self.failure = None
        self.daemon = Daemon(storage_uri=self.uri).start()
        self.file = self.daemon.open()
        self.tpm = self._started_tpm(self.file)
        self.tpm.run(tpm2.nv_define(NV_INDEX, 8))
        self._write(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing)

    @staticmethod
    def _started_tpm(file):
        assert Control(file).init() == 0
        tpm = Tpm2(file)
        tpm.startup()
        return tpm

    def _write(self, number):
        self.tpm.run(tpm2.nv_write(NV_INDEX, struct.pack(">Q", number)))
        self.acknowledged = number

    def _keep_writing(self):
        try:
            while not self._stop.is_set():
                self._write(self.acknowledged + 1)
        except (OSError, tpm2.TpmError) as failure:
            self.failure = failure

    def start_writing(self):
        self._thread.start()

    def kill(self):
        self.daemon.crash()
        self._thread.join()
        self.daemon.discard()

    def stop(self):
        self._stop.set()
        self._thread.join()
        self.file.close()
        self.daemon.close()

    def stored(self):
        """What a new daemon finds."""
        with Daemon(storage_uri=self.uri) as again, again.open() as file:
            return struct.unpack(">Q", self._started_tpm(file).nv_read(NV_INDEX, 8))[0]


class Crowd(WithEnvironment):
    def check_listing(self, running):
        """swtpm-state needs no lock to show all of them while they write."""
        done = run(ours("swtpm-state"), "list", "--plugin-dir", PLUGINS, "--tpmstate",
                   f"backend-uri=lmdb://{self.environment}")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        listed = [line for line in done.stdout.decode().splitlines() if line.startswith("lmdb://")]
        self.assertEqual(len(listed), TPMS + RUNNING)
        self.assertLessEqual({f"{each.uri} (TPM 2)" for each in running}, set(listed))

    @staticmethod
    def await_writes(running, count):
        """Until more than that many were acknowledged, beside the first of each."""
        end = time.monotonic() + PATIENCE
        while sum(each.acknowledged - 1 for each in running) <= count:
            if time.monotonic() > end:
                raise AssertionError(f"{count} writes were not acknowledged within {PATIENCE} s")
            time.sleep(0.1)

    def test_fifty_tpms_run_at_once_among_a_thousand(self):
        self.crowd(0, 0, 0)
        running = [Running(self.environment, number) for number in range(RUNNING)]
        for each in running:
            each.start_writing()
        time.sleep(WRITING_SECONDS)
        self.await_writes(running, 2 * RUNNING)
        self.check_listing(running)
        killed = random.sample(running, KILLED)
        for each in killed:
            each.kill()
        kept = [each for each in running if each not in killed]
        for each in kept:
            each.stop()
            self.assertIsNone(each.failure)
        for each in running:
            with self.subTest(each.uri):
                stored = each.stored()
                # The one on its way when the process was killed may have arrived.
                self.assertIn(stored - each.acknowledged, (0, 1) if each in killed else (0,))


if __name__ == "__main__":
    unittest.main()
