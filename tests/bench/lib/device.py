# SPDX-License-Identifier: BSD-3-Clause
"""The commands again, on real device nodes of a real kernel (tests/vm).

The virtual machine is emulated, so its microseconds are no processor's; the ratios say how far the
daemon is from a CUSE server that answers at once there, too.
"""

import json
import subprocess

import commands

NAME = "device"
TITLE = "Commands on a real device node"


def measure(settings):
    done = subprocess.run(["tests/vm/run", "-t", "300", "tests/bench/on_device",
                           *(["--quick"] if settings.quick else [])], check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def text(results):
    return commands.table(results)


def plots(_):
    """Times under emulation make no plot."""
    return {}
