# SPDX-License-Identifier: BSD-3-Clause
"""The starter that measures the time to the first answer (first_answer.c)."""

import os
import subprocess

from daemon import BUILD_DIR
from measure import BenchError

_PROGRAM = os.path.join(BUILD_DIR, "tests/bench/first_answer")


def start(channel, command, tpm2_version=True, preload=None):
    """Starts `command` on a "cuse" or "socket" channel: nanoseconds by the name of what was
    reached ("answered", "executed"; with `preload` more), a list of one or more for each."""
    done = subprocess.run(
        [_PROGRAM, *([] if tpm2_version else ["--tpm12"]), channel,
         *([preload] if preload else []), "--", *command], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{os.path.basename(command[0])} did not answer: {done.stderr}")
    return {name: list(map(int, times))
            for name, *times in map(str.split, done.stdout.splitlines())}
