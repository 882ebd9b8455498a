# SPDX-License-Identifier: BSD-3-Clause
"""A device node of the real kernel."""

import errno
import os
import time

PATIENCE = 60


def open_new(path, flags):
    """Opens the node of a server that has just been started.  The kernel makes the node first and
    only then ties it to the server: in between it is a device that is not there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return os.open(path, flags)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENXIO) or time.monotonic() > end:
                raise
        time.sleep(0.02)
