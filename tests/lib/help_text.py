# SPDX-License-Identifier: BSD-3-Clause
"""What `swtpm_cuse --help` says, as data."""

import re

OPTION = re.compile(r"^  (?:(-\w), |    )(--[\w-]+)(?: ([A-Z]+))? +\S")
SUB_OPTION_INDENT = " " * 10


class Option:
    def __init__(self, short, argument):
        self.short = short  # "-n", or None
        self.argument = argument  # "NAME", "LIST" …, or None
        self.sub_options = {}  # name: "PATH", "kill|log|none" …, or None

    @property
    def is_switch(self):
        return self.argument is None


def parse_help(text):
    """{"--name": Option, …}"""
    options = {}
    option = None
    for line in text.splitlines():
        match = OPTION.match(line)
        if match:
            option = options[match[2]] = Option(match[1], match[3])
        elif option is not None and line.startswith(SUB_OPTION_INDENT):
            for word in line.split():
                name, _, value = word.partition("=")
                option.sub_options[name] = value or None
        else:
            option = None
    return options
