# SPDX-License-Identifier: BSD-3-Clause
"""What callgrind counted: instructions by function, read from its output file.

The format is in valgrind's manual, "Callgrind Format Specification".
"""

import collections
import re

_NAME = re.compile(r"\((\d+)\)(?: (.*))?")


class _Names:
    """Names are written once, and are numbers from then on."""

    def __init__(self):
        self._known = {}

    def resolve(self, text):
        number, name = _NAME.match(text).groups()
        if name is not None:
            self._known[number] = name
        return self._known[number]


def self_costs(path):
    """Instructions by (object, function): a function's own, without those that it calls."""
    costs = collections.Counter()
    objects, functions = _Names(), _Names()
    in_object = in_function = None
    is_call = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, equals, value = line.rstrip().partition("=")
            if equals and key == "ob":
                in_object = objects.resolve(value)
            elif equals and key == "fn":
                in_function = functions.resolve(value)
            elif equals and key == "cob":
                objects.resolve(value)
            elif equals and key == "cfn":
                functions.resolve(value)
            elif equals:
                # The next line is what the calls cost, and belongs to who was called.
                is_call = key == "calls"
            elif line[:1] in "+-*0123456789" and in_function is not None:
                if not is_call:
                    costs[in_object, in_function] += int(line.split()[1])
                is_call = False
    return costs
