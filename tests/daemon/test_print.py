# SPDX-License-Identifier: BSD-3-Clause
"""What swtpm_cuse prints instead of serving, beside what Debian's swtpm prints."""

import json
import os
import re
import subprocess
import tempfile
import unittest

from daemon import PATIENCE, PROGRAM, Daemon, run_program
from store import STORAGE, only_for, tpmstate

# What the socket version can do and a CUSE one cannot.
SOCKETS_ONLY = {"tpm-send-command-header"}


def debian(*options):
    return subprocess.run(["swtpm", "socket", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.strip()


def ours(*options):
    result = run_program(*options)
    assert result.returncode == 0, result.stderr
    return result.stdout.rstrip("\n")


def features(text):
    return json.loads(text)["features"]


def in_the_order_of(wanted, found):
    return [verb for verb in found if verb in wanted]


class Capabilities(unittest.TestCase):
    def test_the_spacing_is_the_same(self):
        shape = re.compile(r'^{ "type": "swtpm", "features": \[ "[^"]+"(?:, "[^"]+")* \], '
                           r'"version": "[\d.]+" }$')
        for options in (), ("--tpm2",):
            self.assertRegex(debian(*options, "--print-capabilities"), shape)
            self.assertRegex(ours(*options, "--print-capabilities"), shape)

    def test_there_is_all_that_debian_has_in_the_same_order(self):
        for options in (), ("--tpm2",):
            theirs = features(debian(*options, "--print-capabilities"))
            own = features(ours(*options, "--print-capabilities"))
            expected = [verb for verb in theirs if verb not in SOCKETS_ONLY]
            self.assertEqual(in_the_order_of(expected, own), expected)

    def test_verbs_of_keys_need_the_crypto_plugin(self):
        without = features(ours("--print-capabilities", "--crypto", "no-such-plugin"))
        for verb in "cmdarg-key-fd", "cmdarg-pwd-fd":
            self.assertNotIn(verb, without)
            self.assertIn(verb, features(ours("--print-capabilities")))

    def test_a_plugin_that_cannot_be_loaded_is_no_backend(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "storage-broken.so"), "wb") as plugin:
                plugin.write(b"no plugin")
            text = subprocess.run([PROGRAM, "--plugin-dir", directory, "--print-capabilities"],
                                  capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
        self.assertNotIn("nvram-backend-broken", features(text))


class States(unittest.TestCase):
    @only_for("dir", reason="Debian's swtpm has no such store, or does not tell in it whose states "
                            "they are")
    def test_they_are_those_that_debian_finds(self):
        with Daemon(options=["--flags", "startup-clear"]) as daemon:
            place = daemon.storage
            daemon.terminate()
            for options in (), ("--tpm2",):
                text = ours(*options, "--print-states", "--tpmstate", place)
                self.assertEqual(text, debian(*options, "--print-states", "--tpmstate", place))
            self.assertEqual([state["name"] for state in json.loads(text)["states"]], ["permall"])

    def test_looking_changes_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            done = run_program("--print-states", "--tpmstate", tpmstate(directory))
            if STORAGE == "dir":
                self.assertEqual(done.stdout, '{ "type": "swtpm", "states": [] }\n')
            else:
                self.assertEqual(done.returncode, 1)
                self.assertIn(directory, done.stderr)
            self.assertEqual(os.listdir(directory), [])

    @only_for("dir", reason="values are no files there")
    def test_what_stands_in_the_place_of_a_state_and_is_no_file_is_named(self):
        for make in (lambda path: os.symlink("/dev/null", path), os.mkdir, os.mkfifo):
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "tpm2-00.volatilestate")
                make(path)
                done = run_program("--tpm2", "--print-states", "--tpmstate", tpmstate(directory))
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"'{path}' is ", done.stderr)

    def test_a_running_daemon_is_not_in_the_way(self):
        with Daemon(options=["--flags", "startup-clear"]) as daemon:
            text = ours("--tpm2", "--print-states", "--tpmstate", daemon.storage)
            self.assertIn("permall", text)


class StandardOutput(unittest.TestCase):
    def test_what_cannot_be_printed_is_a_failure(self):
        for option in "--help", "--version", "--print-capabilities":
            with open("/dev/full", "wb") as full:
                result = subprocess.run([PROGRAM, option], stdout=full, stderr=subprocess.PIPE,
                                        text=True, timeout=PATIENCE, check=False)
            self.assertEqual(result.returncode, 1, option)
            self.assertIn("No space left on device", result.stderr)


if __name__ == "__main__":
    unittest.main()
