# SPDX-License-Identifier: BSD-3-Clause
"""A daemon under strace(1), and what it was seen to do."""

import os
import shutil

from memory import await_idle
from tpm_test import TpmTest


def reason_against(variant):
    """Why nothing can be learned here from the system calls of that variant, or None."""
    if variant != "release":
        return "what instruments makes system calls of its own"
    if shutil.which("strace") is None:
        return "strace is not installed"
    return None


class StraceTest(TpmTest):
    def start_traced(self, calls, **parameters):
        """(daemon, file, client, lines) after Startup(CLEAR): lines() are those of the trace until
        the daemon has come to rest, with `calls` as strace's option trace= names them."""
        path = os.path.join(self.directory(), "trace")
        # The sandbox would be closed to what strace needs of a process that it starts.
        started = self.start_running(
            wrapper=["strace", "-f", "-e", f"trace={calls}", "-o", path, "--"],
            options=["--seccomp", "action=none"], **parameters)

        def lines():
            # An answer arrives before strace has written that it was given.
            await_idle(started[0].pid)
            with open(path, encoding="utf-8", errors="replace") as trace:
                return trace.read().splitlines()
        return *started, lines
