# SPDX-License-Identifier: BSD-3-Clause
"""What the shells offer where; which options there are is a matter of test_option_sets.py."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

from fake_kernel import PATIENCE, TOP

COMPLETION = os.path.join(TOP, "doc/completion")

# Types a line into an interactive zsh, has it completed, and prints what stands there then.
ZSH_SCRIPT = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D
    finish() { zle complete-word; print -r -- '<<<'\$BUFFER'>>>' }
    zle -N finish; bindkey '^X' finish; print READY"
zpty -r shell screen '*READY*READY*'
zpty -w -n shell "$2"$'\x18'
zpty -r shell screen '*<<<*>>>*'
print -r -- $screen
zpty -d shell
"""


# Completes the line $1 of the program $2 by the functions in the files behind these.
BASH_SCRIPT = r"""
for script in "${@:3}"; do source "$script"; done
COMP_LINE=$1 COMP_POINT=${#1}
"_$2"
printf '%s\n' "${COMPREPLY[@]}"
"""


def in_tree(program):
    return [f"{COMPLETION}/common.bash", f"{COMPLETION}/{program}.bash"]


def bash_offers(words, program="swtpm_cuse", scripts=None):
    """What bash would offer after `PROGRAM WORDS`."""
    done = subprocess.run(["bash", "-c", BASH_SCRIPT, "bash", f"{program} {words}", program,
                           *(scripts or in_tree(program))],
                          capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout.split()


def zsh_completes(words, program="swtpm_cuse"):
    """What zsh makes of `PROGRAM WORDS`, without the program and without the comma or blank that
    zsh takes back when the next word begins."""
    done = subprocess.run(["zsh", "-f", "-c", ZSH_SCRIPT, "zsh", COMPLETION,
                           f"{program} {words}"],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    return re.search(f"<<<{program} (.*)>>>", done.stdout)[1].rstrip(" ,")


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

    def test_an_option_without_sub_options_has_values(self):
        self.assertEqual(bash_offers("--crypto "), ["gnutls"])


class Zsh(unittest.TestCase):
    def test_the_function_has_no_syntax_error(self):
        subprocess.run(["zsh", "-n", f"{COMPLETION}/_swtpm_cuse"], timeout=PATIENCE, check=True)

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


class Tools(unittest.TestCase):
    def test_bash_completes_swtpm_ioctl(self):
        for words, offered in (("--s", ["--stop", "--save"]), ("--save v", ["volatile"]),
                               ("-r ", ["3", "4"]), ("-h ", []), ("-i /dev/nul", ["/dev/null"]),
                               (f"--load volatile {COMPLETION}/_swtpm_b",
                                [f"{COMPLETION}/_swtpm_bios"])):
            self.assertEqual(bash_offers(words, "swtpm_ioctl"), offered, words)

    def test_bash_completes_swtpm_bios(self):
        for words, offered in (("-c", ["-c", "-cs"]), ("--tcp ", []),
                               (f"--unix {COMPLETION}/_swtpm_b", [f"{COMPLETION}/_swtpm_bios"])):
            self.assertEqual(bash_offers(words, "swtpm_bios"), offered, words)

    def test_bash_completes_swtpm_state(self):
        for words, offered in (("re", ["rekey"]), ("--re", ["--replace"]),
                               ("rekey --new-key n", ["none"]), ("--key file=x,m", ["x,mode="]),
                               ("--key file=x,mode=aes-2", ["aes-256-cbc", "aes-256-gcm"]),
                               (f"--permanent {COMPLETION}/_swtpm-s",
                                [f"{COMPLETION}/_swtpm-state"])):
            self.assertEqual(bash_offers(words, "swtpm-state"), offered, words)

    def test_bash_completes_swtpm_plugin_check(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(f"{directory}/storage-folder")
            for name in "storage-mine.so", "storage-mine.c":
                with open(f"{directory}/{name}", "w", encoding="ascii"):
                    pass
            plugin = f"{directory}/storage-mine.so"
            for words, offered in (
                    ("--s", ["--seccomp"]), ("--timeout ", []), ("--only ", []),
                    (f"--seccomp {directory}/sto", [f"{directory}/storage-folder", plugin]),
                    (f"{plugin} {directory}/storage-f", [f"{directory}/storage-folder"])):
                self.assertEqual(bash_offers(words, "swtpm-plugin-check"), offered, words)

    def test_zsh_completes_swtpm_plugin_check(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in "storage-mine.so", "storage-mine.c":
                with open(f"{directory}/{name}", "w", encoding="ascii"):
                    pass
            for words, completed in (("--sec", "--seccomp"),
                                     (f"{directory}/stor", f"{directory}/storage-mine.so")):
                self.assertEqual(zsh_completes(words, "swtpm-plugin-check"), completed)

    def test_zsh_completes_swtpm_state(self):
        for words, completed in (("rek", "rekey"), ("list --tpms", "list --tpmstate"),
                                 ("--key form", "--key format="),
                                 ("--key file=x,mode=aes-1", "--key file=x,mode=aes-128-cbc")):
            self.assertEqual(zsh_completes(words, "swtpm-state"), completed)

    def test_zsh_completes_swtpm_ioctl(self):
        for words, completed in (("--sto", "--stop"), ("--save vol", "--save volatile"),
                                 ("-i /dev/nul", "-i /dev/null"),
                                 (f"--save savestate {COMPLETION}/_swtpm_b",
                                  f"--save savestate {COMPLETION}/_swtpm_bios")):
            self.assertEqual(zsh_completes(words, "swtpm_ioctl"), completed)

    def test_zsh_offers_one_command_to_swtpm_ioctl(self):
        self.assertEqual(zsh_completes("-i --sto", "swtpm_ioctl"), "-i --sto")

    def test_zsh_completes_swtpm_bios(self):
        self.assertEqual(zsh_completes("--tpm2 --uni", "swtpm_bios"), "--tpm2 --unix")


class Installed(unittest.TestCase):
    def test_each_completion_for_bash_is_whole(self):
        with tempfile.TemporaryDirectory() as root:
            subprocess.run(["sh", "core/install.sh", "build/release"], cwd=TOP, check=True,
                           env={**os.environ, "DESTDIR": root}, timeout=PATIENCE)
            directory, = (path for path, _, _ in os.walk(root)
                          if path.endswith("/bash-completion/completions"))
            programs = sorted(os.listdir(directory))
            self.assertEqual([f"{COMPLETION}/common.bash",
                              *(f"{COMPLETION}/{program}.bash" for program in programs)],
                             sorted(glob.glob(f"{COMPLETION}/*.bash")))
            for program in programs:
                self.assertIn("-h" if program == "swtpm_bios" else "--help",
                              bash_offers("-", program, [f"{directory}/{program}"]))


if __name__ == "__main__":
    unittest.main()
