# SPDX-License-Identifier: BSD-3-Clause
"""The programs under test, of the build that BUILD_DIR names (default: build/release), and Debian's
programs of the same names."""

import os
import subprocess

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.join(TREE, os.environ.get("BUILD_DIR", "build/release"))
VARIANT = os.path.basename(BUILD_DIR)

# Two of them in one tree at a time would take each other's log away.
NINJA = ("flock", os.path.join(TREE, "build/ninja.lock"), "ninja")

# How long a program may take, in seconds: only one that hangs takes so long.
PATIENCE = 180

# So that what a sanitizer finds is not taken for the program's own failure.
SANITIZER_STATUS = 99


def ours(name):
    """The path of a program of this project."""
    path = os.path.join(BUILD_DIR, "core", name)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not built; run ninja, or set BUILD_DIR")
    return path


def debians(name):
    """The path of a program of Debian's packages."""
    return os.path.join("/usr/bin", name)


def run(program, *arguments, environment=None, timeout=PATIENCE, **options):
    """Runs a program to its end with no input.  Returns what subprocess.run does, with bytes."""
    sanitizer = {name: f"exitcode={SANITIZER_STATUS}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
    options.setdefault("stdout", subprocess.PIPE)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([program, *arguments], stderr=subprocess.PIPE, timeout=timeout,
                          env={**os.environ, **sanitizer, **(environment or {})}, **options)
    if done.returncode == SANITIZER_STATUS:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return done
