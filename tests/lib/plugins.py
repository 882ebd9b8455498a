# SPDX-License-Identifier: BSD-3-Clause
"""Built plugins where the daemon takes them from.

Started by root, the daemon loads plugins only from directories that nobody else can write, and a
checkout may stand anywhere.  So root's tests use copies in a directory of their own."""

import atexit
import glob
import os
import shutil
import tempfile


def trusted(directory):
    """`directory`, or for root a copy of its plugins that lives as long as this process."""
    if os.geteuid() != 0:
        return directory
    copy = tempfile.mkdtemp(prefix="swtpm-cuse-test-", dir="/var/lib")
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for plugin in glob.glob(os.path.join(directory, "*.so")):
        shutil.copy(plugin, copy)
    return copy
