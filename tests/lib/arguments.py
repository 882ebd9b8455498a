# SPDX-License-Identifier: BSD-3-Clause
"""Types of arguments for argparse: what cannot mean anything is refused at once, and why."""

import argparse
import math
import os


def at_least(least):
    """A whole number from `least` up."""
    def number(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} up")
        return value
    return number


def above_zero(text):
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return value


def directory(text):
    """One that is there, to make files in."""
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no directory")
    if not os.access(text, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"no files can be made in '{text}'")
    return text


def file_to_write(text):
    """Its directory is there; the file need not be."""
    if os.path.isdir(text) or not os.path.isdir(os.path.dirname(text) or "."):
        raise argparse.ArgumentTypeError(f"'{text}' is no file in a directory that is there")
    return text


def existing_file(text):
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no file")
    return text
