# SPDX-License-Identifier: BSD-3-Clause
"""Options and sub-options as a manual page in mdoc(7) lists them."""

import re

from help_text import Option


def _plain(arguments):
    """`Cm mode Ns = Ns Ar mode` as `mode=mode`."""
    text = re.sub(r"(^| )(Cm|Ar|Fl) ", r"\1", arguments)
    text = re.sub(r" Ns (\S+) Ns ", r"\1", text)
    return text.replace(" | ", "|")


def parse_mdoc(source):
    """{"--name": Option, …}; each Option has `examples`, the words of its .Dl lines, as well."""
    options = {}
    option = None
    depth = 0
    for line in source.splitlines():
        if line.startswith(".Bl "):
            depth += 1
        elif line == ".El":
            depth -= 1
        elif line.startswith(".It ") and depth == 1:
            match = re.fullmatch(r"\.It (?:Fl (\w)(?: Ar \w+)? , )?Fl -([\w-]+)(?: Ar (\w+))?", line)
            option = None
            if match:
                option = options[f"--{match[2]}"] = Option(match[1] and f"-{match[1]}", match[3])
                option.examples = []
        elif line.startswith(".It Cm ") and option is not None:
            name, _, value = _plain(line[len(".It "):]).partition("=")
            option.sub_options[name] = value or None
        elif line.startswith(".Dl ") and option is not None:
            option.examples.append(line.split()[1:])
    return options
