# SPDX-License-Identifier: BSD-3-Clause
"""The parser, --help, the manual page and the completions know the same options and sub-options."""

import os
import re
import string
import subprocess
import unittest

from daemon import PROGRAM
from fake_kernel import PATIENCE, TOP
from help_text import Option, parse_help
from mdoc import parse_mdoc

MANUAL = os.path.join(TOP, "doc/swtpm_cuse.8")
BASH = os.path.join(TOP, "doc/completion")
ZSH = os.path.join(TOP, "doc/completion/_swtpm_cuse")


def complaint(*words):
    """What the parser says of a wrong command line."""
    result = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2, (words, result)
    return result.stderr


def parsed_options():
    """The options as the parser itself names them: an abbreviation of one letter is unknown,
    ambiguous, or stands for an option that then does not like its argument."""
    names = set()
    for letter in string.ascii_lowercase:
        message = complaint(f"--{letter}=")
        if "unknown option" not in message:
            names.update(name for name in re.findall(r"--[\w-]+", message)
                         if name not in ("--help", f"--{letter}") or letter == "h")
    return {name: parsed_option(name) for name in names}


def parsed_option(name):
    message = complaint(f"{name}=?")
    if "takes no argument" in message:
        return Option(None, None)
    option = Option(None, "LIST" if "sub-option" in message else "VALUE")
    listed = re.search(r"; there are (.*)$", message)
    for sub_option in listed[1].split(", ") if listed else ():
        option.sub_options[sub_option] = parsed_choices(name, sub_option)
    return option


def parsed_choices(name, sub_option):
    """"a|b" where the parser names what it would take."""
    result = subprocess.run([PROGRAM, name, f"{sub_option}=?"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=PATIENCE, check=False)
    listed = re.search(r"choose one of (.*)$", result.stderr)
    return listed[1].replace(", ", "|") if listed else None


def sub_options(options):
    return {name: set(option.sub_options) for name, option in options.items()}


def choices(options):
    """{("--option", "sub-option"): "a|b", …} for those with a fixed list of values."""
    return {(name, sub_option): value
            for name, option in options.items()
            for sub_option, value in option.sub_options.items()
            if value is not None and "|" in value}


class OptionSets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=PATIENCE,
                              check=True).stdout
        cls.help = parse_help(text)
        cls.parser = parsed_options()
        with open(MANUAL, encoding="utf-8") as manual:
            cls.manual = parse_mdoc(manual.read())

    def test_the_parser_has_options(self):
        self.assertGreater(len(self.parser), 25)
        self.assertGreater(sum(map(len, sub_options(self.parser).values())), 40)

    def test_help_agrees_with_the_parser(self):
        self.assertEqual(sub_options(self.help), sub_options(self.parser))
        self.assertEqual(choices(self.help), choices(self.parser))
        self.assertEqual({name: option.is_switch for name, option in self.help.items()},
                         {name: option.is_switch for name, option in self.parser.items()})

    def test_the_manual_page_agrees_with_the_parser(self):
        self.assertEqual(sub_options(self.manual), sub_options(self.parser))
        self.assertEqual(choices(self.manual), choices(self.parser))
        self.assertEqual({name: option.is_switch for name, option in self.manual.items()},
                         {name: option.is_switch for name, option in self.parser.items()})

    def test_the_manual_page_agrees_with_help_on_short_options(self):
        self.assertEqual({name: option.short for name, option in self.manual.items()},
                         {name: option.short for name, option in self.help.items()})

    def test_the_manual_page_agrees_with_help_on_values(self):
        for name, option in self.help.items():
            values = {key: value is not None for key, value in option.sub_options.items()}
            written = {key: value is not None
                       for key, value in self.manual[name].sub_options.items()}
            self.assertEqual(written, values, name)

    def test_the_manual_page_has_an_example_of_each_option(self):
        for name, option in self.manual.items():
            shown = [example for example in option.examples if {name, option.short} & set(example)]
            self.assertTrue(shown, name)

    def test_bash_completion_agrees_with_help(self):
        self.assertEqual(bash_words("_swtpm_cuse_options"), sorted(
            name if option.is_switch else name + "=" for name, option in self.help.items()))
        for name, option in self.help.items():
            expected = sorted(key if value is None else key + "="
                              for key, value in option.sub_options.items())
            self.assertEqual(bash_words("_swtpm_cuse_suboptions", name), expected, name)

    def test_bash_completion_offers_the_values(self):
        for (name, sub_option), values in choices(self.help).items():
            self.assertEqual(bash_words("_swtpm_cuse_values", name, sub_option, ""),
                             sorted(values.split("|")))

    def test_zsh_completion_agrees_with_help(self):
        with open(ZSH, encoding="utf-8") as completion:
            source = completion.read()
        self.assertEqual(zsh_options(source), sub_options(self.help))


def bash_words(function, *arguments):
    """The words that a function of the completion for bash prints, sorted."""
    script = 'source "$0/common.bash"; source "$0/swtpm_cuse.bash"; "$@"'
    result = subprocess.run(["bash", "-c", script, BASH, function, *arguments],
                            capture_output=True, text=True, timeout=PATIENCE, check=True)
    return sorted(result.stdout.split())


def zsh_options(source):
    """{"--name": {sub-options}, …} of the completion for zsh."""
    lists = {name: set(re.findall(r"'(?:\([^)]*\))?([\w-]+)\[", body))
             for name, body in re.findall(r"^(\w+)=\((.*?)\)$", source, re.MULTILINE | re.DOTALL)}
    options = {}
    for line in source[source.index("_arguments"):].splitlines():
        match = re.search(r"(--[\w-]+)=?(?:}'|)\[", line)
        if match is None:
            continue
        listed = re.search(r"_values -s , \w+ \$(\w+)(?: (\w+))?", line)
        options[match[1]] = lists[listed[1]] | ({listed[2]} - {None}) if listed else set()
    return options


if __name__ == "__main__":
    unittest.main()
