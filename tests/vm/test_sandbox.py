# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox under a real kernel with a real device: what /proc says of the process, what becomes
of a forbidden system call, and what a capture of the device's traffic holds."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import unittest

import tpm2
from device import DeviceFile, Tpm, must, run, server_of
from plugins import trusted
from ptm import SUCCESS, Control

BUILD_DIR = os.environ["BUILD_DIR"]
TEST_PLUGINS = trusted(os.path.join(BUILD_DIR, "tests/plugins"))
UNIT_TESTS = ("privileges", "seccomp", "landlock", "sandbox", "pid_file")
USER = "tss"
NUMBER_OF_SOCKET = 41  # in <asm/unistd_64.h>


def status(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
        return {name: value.split() for name, value in
                (line.rstrip("\n").split(":", 1) for line in file)}


class Sandbox(unittest.TestCase):
    def start(self, name, *options, **parameters):
        tpm = Tpm(name, "--tpm2", *options, **parameters)
        self.addCleanup(tpm.remove)
        return tpm

    def scratch(self):
        path = tempfile.mkdtemp(prefix="swtpm-cuse-vm.")
        self.addCleanup(shutil.rmtree, path)
        return path

    def assert_no_power(self, pid):
        threads = os.listdir(f"/proc/{pid}/task")
        self.assertGreater(len(threads), 1)
        for thread in threads:
            seen = status(pid, thread)
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
                self.assertEqual(seen[field], ["0000000000000000"], field)
            self.assertEqual(seen["NoNewPrivs"], ["1"])
            self.assertEqual(seen["Seccomp"], ["2"])

    def test_root_without_its_powers_serves_the_device(self):
        tpm = self.start("vtpm-root").start().initialise()
        self.assert_no_power(server_of(tpm.name))
        with DeviceFile(tpm.path) as file:
            tpm2.Tpm2(file).startup()

    def test_another_user_serves_the_device(self):
        user = pwd.getpwnam(USER)
        tpm = self.start("vtpm-user", "--runas", USER)
        os.chown(tpm.state_directory, user.pw_uid, user.pw_gid)
        tpm.start().initialise()
        pid = server_of(tpm.name)
        seen = status(pid, pid)
        self.assertEqual(seen["Uid"], [str(user.pw_uid)] * 4)
        self.assertEqual(seen["Gid"], [str(user.pw_gid)] * 4)
        self.assertEqual({int(group) for group in seen["Groups"]},
                         set(os.getgrouplist(USER, user.pw_gid)))
        self.assert_no_power(pid)
        with DeviceFile(tpm.path) as file:
            tpm2.Tpm2(file).startup()
        tpm.stop()

    def test_a_changed_root_serves_the_device(self):
        root = self.scratch()
        os.mkdir(os.path.join(root, "state"))
        tpm = self.start("vtpm-chroot", "--chroot", root, storage_uri="dir:///state")
        tpm.start().initialise()
        self.assertEqual(os.readlink(f"/proc/{server_of(tpm.name)}/root"), root)
        self.assertIn("tpm2-00.permall", os.listdir(os.path.join(root, "state")))

    def forbidden(self, action):
        """(tpm, path of its log) of a daemon whose storage calls socket(2) at INIT."""
        log = os.path.join(self.scratch(), "log")
        tpm = self.start(f"vtpm-{action}", "--plugin-dir", TEST_PLUGINS, "--log", f"file={log}",
                         "--seccomp", f"action={action}", storage_uri="forbidden://socket")
        return tpm.start(), log

    def initialise(self, tpm):
        """The result of INIT."""
        with DeviceFile(tpm.path) as file:
            return Control(file).init()

    def test_kill_kills_the_process_and_its_device_goes(self):
        tpm, _ = self.forbidden("kill")
        with self.assertRaises(OSError):
            self.initialise(tpm)
        tpm.wait()
        kernel_log = must("dmesg")
        self.assertTrue(re.search(rf'comm="swtpm_cuse" .* sig=31 .* syscall={NUMBER_OF_SOCKET} ',
                                  kernel_log), kernel_log[-2000:])

    def test_log_names_the_call_and_the_device_stays(self):
        tpm, log = self.forbidden("log")
        self.assertEqual(self.initialise(tpm), SUCCESS)
        with open(log, encoding="utf-8") as file:
            self.assertIn("makes the system call 'socket'", file.read())
        tpm.stop()

    def test_none_does_nothing(self):
        tpm, log = self.forbidden("none")
        pid = server_of(tpm.name)
        self.assertEqual(status(pid, pid)["Seccomp"], ["0"])
        self.assertEqual(self.initialise(tpm), SUCCESS)
        self.assertEqual(os.path.getsize(log), 0)
        tpm.stop()

    def test_the_unit_tests_of_the_sandbox_pass_under_this_kernel(self):
        for name in UNIT_TESTS:
            with self.subTest(name=name):
                done = run(os.path.join(BUILD_DIR, "tests/unit", f"test_{name}"))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                for reason in re.findall(r"^skipped: (.*)", done.stdout, re.MULTILINE):
                    with self.subTest(reason=reason):
                        self.skipTest(reason)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_a_capture_shows_what_went_over_the_device(self):
        capture = os.path.join(self.scratch(), "capture")
        tpm = self.start("vtpm-pcap", "--pcap", f"file={capture}").start().initialise()
        with DeviceFile(tpm.path) as file:
            tpm2.Tpm2(file).startup()
        random = must("tpm2_getrandom", "-T", f"device:{tpm.path}", "--hex", "8",
                      env={**os.environ, "TSS2_LOG": "all+none"})
        tpm.stop()
        # It starts slowly here.
        shown = subprocess.run(["tshark", "-r", capture, "-Y", "tpm", "-T", "fields", "-e",
                                "tpm.req.cc", "-e", "tcp.payload"], capture_output=True, text=True,
                               timeout=300, check=True).stdout
        self.assertIn("0x0000017b", shown)
        self.assertIn(random.strip(), shown)


if __name__ == "__main__":
    unittest.main()
