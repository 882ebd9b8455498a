# SPDX-License-Identifier: BSD-3-Clause
"""The plugins as the command sees them: --print-plugins, and what happens without a good one."""

import contextlib
import json
import os
import pty
import subprocess
import unittest

import daemon
from daemon import BUILD_DIR, PLUGINS, PROGRAM, Daemon, run_program
from plugins import trusted
from ptm import Control
from tpm2 import Tpm2

TEST_PLUGINS = trusted(os.path.join(BUILD_DIR, "tests/plugins"))
REFUSED = ["ancient-abi", "calls-host", "future-abi", "missing-op", "no-ops", "no-summary",
           "no-symbol", "no-system-calls", "short-ops", "unknown-kind", "wild-capabilities",
           "wrong-kind", "wrong-magic"]


def with_test_plugins():
    return {**os.environ, "SWTPM_PLUGIN_DIR": TEST_PLUGINS}


class PrintPlugins(unittest.TestCase):
    def setUp(self):
        run = run_program("--print-plugins", env=with_test_plugins())
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        answer = json.loads(run.stdout)
        self.assertEqual(answer["type"], "swtpm")
        self.plugins = {(each["kind"], each["name"]): each for each in answer["plugins"]}
        self.order = [(each["kind"], each["name"]) for each in answer["plugins"]]

    def test_a_good_plugin_is_described(self):
        plugin = self.plugins["storage", "dir"]
        self.assertEqual(plugin["path"], os.path.join(PLUGINS, "storage-dir.so"))
        self.assertEqual(plugin["abi"], 1)
        self.assertEqual(plugin["capabilities"], ["durable", "lock"])
        self.assertIn("renameat", plugin["system_calls"])
        self.assertTrue(plugin["version"] and plugin["summary"])
        self.assertNotIn("reason", plugin)

    def test_the_order_is_by_kind_and_name(self):
        self.assertEqual(self.order, sorted(self.order, key=lambda each: (each[0] != "storage",
                                                                          each[1])))

    def test_a_refused_plugin_has_a_reason(self):
        for name in REFUSED:
            with self.subTest(name):
                plugin = self.plugins["storage", name]
                self.assertIn(plugin["path"], plugin["reason"])
                self.assertNotIn("version", plugin)

    def test_plugins_of_later_days_are_good(self):
        for name in "grown", "surplus-symbol":
            self.assertNotIn("reason", self.plugins["storage", name])


def read_to_end(controller):
    """What was written to a terminal that nobody has open any more; it comes in pieces."""
    text = b""
    # The end is EIO (pty(7)).
    with contextlib.suppress(OSError):
        while part := os.read(controller, 65536):
            text += part
    return text.decode()


class PluginTable(unittest.TestCase):
    def test_a_terminal_gets_a_table(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        try:
            subprocess.run([PROGRAM, "--plugin-dir", PLUGINS, "--print-plugins"], stdout=terminal,
                           check=True, timeout=daemon.PATIENCE)
        finally:
            os.close(terminal)
        text = read_to_end(controller)
        self.assertIn("storage  dir ", text)
        self.assertIn("(durable, lock)", text)
        self.assertNotIn("{", text)


class PluginsAtStart(unittest.TestCase):
    def refusal(self, name, storage_options="", environment=None):
        """The message with which the daemon refuses to start."""
        refused = Daemon(storage_uri=f"{name}://x", storage_options=storage_options,
                         environment=environment)
        try:
            self.assertNotEqual(refused.expect_failure(), 0)
            return refused.stderr + refused.log
        finally:
            refused.discard()

    def test_a_missing_plugin_is_told_with_the_places_searched(self):
        message = self.refusal("nobody-wrote-this")
        self.assertIn("there is no storage plugin 'nobody-wrote-this'", message)
        self.assertIn(PLUGINS, message)

    def test_a_bad_plugin_is_told_with_its_file(self):
        for name in REFUSED:
            with self.subTest(name):
                message = self.refusal(name, environment={"SWTPM_PLUGIN_DIR": TEST_PLUGINS})
                self.assertIn(os.path.join(TEST_PLUGINS, f"storage-{name}.so"), message)

    def test_promises_that_a_plugin_does_not_make_have_to_be_given_up(self):
        environment = {"SWTPM_PLUGIN_DIR": TEST_PLUGINS}
        self.assertIn("fsync=false", self.refusal("mem", ",lock=false", environment))
        self.assertIn("lock=false", self.refusal("mem", ",fsync=false", environment))

    def test_the_template_serves_a_tpm_in_the_closed_sandbox(self):
        with Daemon(storage_uri="mem://x", storage_options=",fsync=false,lock=false",
                    environment={"SWTPM_PLUGIN_DIR": TEST_PLUGINS}) as served:
            with served.open() as file:
                self.assertEqual(Control(file).init(), 0)
                tpm = Tpm2(file)
                tpm.startup()
                self.assertEqual(len(tpm.get_random(16)), 16)


if __name__ == "__main__":
    unittest.main()
