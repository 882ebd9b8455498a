# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-state, the tool for stored state."""

import os

from plugins import trusted
from programs import BUILD_DIR, ours, run

PLUGINS = trusted(os.path.join(BUILD_DIR, "plugins"))


def swtpm_state(command, state_directory, *options, tpm2=True, check=True, **keywords):
    """Runs a command on a state directory; returns what subprocess.run does.  With `check` it has
    to succeed."""
    done = run(ours("swtpm-state"), command, "--plugin-dir", PLUGINS,
               "--tpmstate", f"dir={state_directory}", *(["--tpm2"] if tpm2 else []), *options,
               **keywords)
    if check and done.returncode != 0:
        raise AssertionError(f"swtpm-state {command} {options}: {done.stderr.decode()}")
    return done


def stored(state_directory):
    """{name: bytes} of all values that are stored.  The lock file is none, nor is what an
    interrupted write has left: a temporary file, which the next one replaces."""
    values = {}
    for name in os.listdir(state_directory):
        if not name.startswith((".", "TMP")):
            with open(os.path.join(state_directory, name), "rb") as file:
                values[name] = file.read()
    return values


def plain_value(state):
    """A stored plain state (doc/state-format.md): the header, and one item."""
    total = (16 + len(state)).to_bytes(4, "big")
    return b"\2\1\0\12\0\0" + total + b"\0\1" + len(state).to_bytes(4, "big") + state


def make_state(path, values):
    """A new state directory with these {name: bytes}."""
    os.mkdir(path)
    for name, content in values.items():
        with open(os.path.join(path, name), "wb") as file:
            file.write(content)
    return path
