# SPDX-License-Identifier: BSD-3-Clause
"""What the shells offer where; which options there are is a matter of test_option_sets.py."""

import os
import re
import subprocess
import tempfile
import unittest

from fake_kernel import TOP

COMPLETION = os.path.join(TOP, "doc/completion")

# Types a line into an interactive zsh, has it completed, and prints what stands there then.
ZSH_SCRIPT = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D
    finish() { zle complete-word; print -r -- '<<<'\$BUFFER'>>>' }
    zle -N finish; bindkey '^X' finish; print READY"
zpty -r shell screen '*READY*READY*'
zpty -w -n shell "swtpm_cuse $2"$'\x18'
zpty -r shell screen '*<<<*>>>*'
print -r -- $screen
zpty -d shell
"""


def bash_offers(words):
    """What bash would offer after `swtpm_cuse WORDS`."""
    line = f"swtpm_cuse {words}"
    script = 'source "$0"; COMP_LINE=$1 COMP_POINT=${#1}; _swtpm_cuse; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, f"{COMPLETION}/swtpm_cuse.bash", line],
                          capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def zsh_completes(words):
    """What zsh makes of `swtpm_cuse WORDS`, without the program and without the comma or blank that
    zsh takes back when the next word begins."""
    done = subprocess.run(["zsh", "-f", "-c", ZSH_SCRIPT, "zsh", COMPLETION, words],
                          capture_output=True, text=True, timeout=60, check=False)
    return re.search("<<<swtpm_cuse (.*)>>>", done.stdout)[1].rstrip(" ,")


class Bash(unittest.TestCase):
    def test_options_are_completed(self):
        self.assertEqual(bash_offers("--tpm"), ["--tpm2", "--tpmstate"])
        self.assertEqual(bash_offers("--tpm2 --fo"), ["--foreground"])

    def test_sub_options_are_completed(self):
        self.assertEqual(bash_offers("--pid "), ["file=", "fd="])
        self.assertEqual(bash_offers("--log truncate,lev"), ["truncate,level="])
        self.assertEqual(bash_offers("--migration-key remove,re"), ["remove,remove",
                                                                    "remove,require"])

    def test_only_what_follows_the_last_word_break_is_replaced(self):
        self.assertEqual(bash_offers("--key file=/k,mo"), ["/k,mode="])
        self.assertEqual(bash_offers("--tpmstate backend-uri=dir:///s,lo"), ["///s,lock"])

    def test_values_are_completed(self):
        self.assertEqual(bash_offers("--seccomp action="), ["kill", "log", "none"])
        self.assertEqual(bash_offers("--key=file=/k,mode=aes-256-"), ["aes-256-cbc",
                                                                      "aes-256-gcm"])

    def test_files_directories_and_users_are_completed(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(f"{directory}/folder")
            with open(f"{directory}/file", "w", encoding="ascii"):
                pass
            self.assertEqual(bash_offers(f"--tpmstate dir={directory}/f"), [f"{directory}/folder"])
            self.assertEqual(sorted(bash_offers(f"--log file={directory}/f")),
                             [f"{directory}/file", f"{directory}/folder"])
            self.assertEqual(bash_offers(f"-R {directory}/f"), [f"{directory}/folder"])
        self.assertEqual(bash_offers("--runas nobod"), ["nobody"])

    def test_names_and_numbers_are_not(self):
        self.assertEqual(bash_offers("-n "), [])
        self.assertEqual(bash_offers("--maj "), [])


class Zsh(unittest.TestCase):
    def test_the_function_has_no_syntax_error(self):
        subprocess.run(["zsh", "-n", f"{COMPLETION}/_swtpm_cuse"], timeout=60, check=True)

    def test_options_are_completed(self):
        self.assertEqual(zsh_completes("--foreg"), "--foreground")

    def test_sub_options_are_completed(self):
        self.assertEqual(zsh_completes("--log truncate,times"), "--log truncate,timestamps")
        self.assertEqual(zsh_completes("--key file=/k,form"), "--key file=/k,format=")
        self.assertEqual(zsh_completes("--migration-key=file=/k,req"),
                         "--migration-key=file=/k,require")

    def test_values_are_completed(self):
        self.assertEqual(zsh_completes("--seccomp action=k"), "--seccomp action=kill")
        self.assertEqual(zsh_completes("--profile=name=x,remove-disabled=fi"),
                         "--profile=name=x,remove-disabled=fips-host")

    def test_what_contradicts_is_not_offered(self):
        self.assertEqual(zsh_completes("--flags startup-clear,start"),
                         "--flags startup-clear,start")


if __name__ == "__main__":
    unittest.main()
