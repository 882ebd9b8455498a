# SPDX-License-Identifier: BSD-3-Clause
"""What a running daemon may still do: privileges, system calls and paths."""

import contextlib
import ctypes
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import tpm12
import tpm2
from daemon import BUILD_DIR, PATIENCE, PLUGINS, PROGRAM, Daemon
from plugins import trusted
from ptm import PERMANENT, SAVESTATE, SUCCESS, VOLATILE, Control, ControlError
from store import STORAGE, Store, only_for, stored, tpmstate, uri
from tpm_test import SlowCommand, TpmTest

TEST_PLUGINS = trusted(os.path.join(BUILD_DIR, "tests/plugins"))

# What storage-forbidden can be told to call.
FORBIDDEN = ("socket", "openat", "execve", "clone", "ioctl", "kill", "mmap")

USER = "nobody"


def is_for(variant):
    if variant in ("release", "coverage"):
        return None
    return "a sanitizer makes system calls of its own"


def has_landlock():
    create_ruleset, version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) > 0


def status(pid, thread=None):
    """/proc/PID/status as a dictionary."""
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    with open(path, encoding="ascii") as file:
        return dict(line.rstrip("\n").replace(" ", "").split(":\t", 1) for line in file)


def open_files(pid):
    directory = f"/proc/{pid}/fd"
    return [os.readlink(os.path.join(directory, number)) for number in os.listdir(directory)]


def numbers(text):
    return [int(number) for number in text.split()]


class SandboxTest(TpmTest):
    def scratch(self, mode=0o755):
        """A directory that every user can reach."""
        path = tempfile.mkdtemp(prefix="swtpm-cuse-sandbox.")
        os.chmod(path, mode)
        self.addCleanup(shutil.rmtree, path)
        return path

    def wait_until(self, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "nothing happened")
            time.sleep(0.005)

    def assert_no_power(self, pid):
        for thread in os.listdir(f"/proc/{pid}/task"):
            seen = status(pid, thread)
            for field in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
                self.assertEqual(int(seen[field], 16), 0, f"thread {thread}: {field}")
            self.assertEqual(seen["NoNewPrivs"], "1")
            self.assertEqual(seen["Seccomp"], "2")


class InForce(SandboxTest):
    def test_no_thread_has_any_power_left(self):
        daemon, _, _ = self.start_running()
        self.assertGreater(len(os.listdir(f"/proc/{daemon.pid}/task")), 1)
        self.assert_no_power(daemon.pid)

    def test_there_is_no_core_file(self):
        daemon = self.start()
        with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as file:
            limit = next(line for line in file if line.startswith("Max core file size"))
        self.assertEqual(limit.split()[4:6], ["0", "0"])

    def test_a_user_by_name_replaces_root(self):
        user = pwd.getpwnam(USER)
        state = self.scratch()
        os.chown(state, user.pw_uid, user.pw_gid)
        daemon, _, _ = self.start_running(state_directory=state, options=["--runas", USER])
        seen = status(daemon.pid)
        self.assertEqual(set(numbers(seen["Uid"])), {user.pw_uid})
        self.assertEqual(set(numbers(seen["Gid"])), {user.pw_gid})
        self.assertEqual(sorted(numbers(seen["Groups"])),
                         sorted(set(os.getgrouplist(USER, user.pw_gid))))
        self.assert_no_power(daemon.pid)
        # The kernel gives the files of a process that may not be dumped to root.
        self.assertEqual(os.stat(f"/proc/{daemon.pid}/io").st_uid, 0)
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual({os.stat(os.path.join(state, name)).st_uid for name in os.listdir(state)},
                         {user.pw_uid})

    def test_a_uid_without_a_name_has_no_groups(self):
        uid = 3000000123
        state = self.scratch()
        os.chown(state, uid, uid)
        daemon, _, _ = self.start_running(state_directory=state, options=["--runas", str(uid)])
        seen = status(daemon.pid)
        self.assertEqual(set(numbers(seen["Uid"])), {uid})
        self.assertEqual(numbers(seen["Groups"]), [])

    def test_a_pid_file_that_may_not_be_removed_is_emptied(self):
        user = pwd.getpwnam(USER)
        state = self.scratch()
        os.chown(state, user.pw_uid, user.pw_gid)
        daemon = self.start(state_directory=state, options=["--runas", USER])
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(os.path.getsize(daemon.pid_path), 0)

    def test_chroot_moves_the_root_and_the_state_below_it(self):
        root = self.scratch()
        daemon, _, _ = self.start_running(storage_uri=uri("/vtpm"), options=["--chroot", root])
        self.assertEqual(os.readlink(f"/proc/{daemon.pid}/root"), root)
        self.assertIn("tpm2-00.permall", stored(os.path.join(root, "vtpm")))
        self.assertEqual(daemon.terminate(), 0)
        self.assertFalse(os.path.exists(daemon.pid_path))

    def test_the_log_is_opened_again_from_within_a_changed_root(self):
        root = self.scratch()
        daemon, _, _ = self.start_running(storage_uri=uri("/vtpm"), options=["--chroot", root])
        os.rename(daemon.log_path, daemon.log_path + ".1")
        daemon.signal(signal.SIGHUP)
        self.wait_until(lambda: os.path.exists(daemon.log_path))
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(daemon.log, "")

    def test_root_has_no_power_over_the_state_of_others(self):
        for mode in (0o755, 0o700):
            with self.subTest(mode=oct(mode)):
                state = self.scratch(mode)
                os.chown(state, pwd.getpwnam(USER).pw_uid, -1)
                daemon = Daemon(state_directory=state)
                self.addCleanup(daemon.discard)
                self.assertNotEqual(daemon.expect_failure(), 0)
                self.assertIn(state, daemon.stderr)
                self.assertIn("Permission denied", daemon.stderr)
                self.assertIn(f"belongs to uid {pwd.getpwnam(USER).pw_uid}", daemon.stderr)
                self.assertIn("run as its owner", daemon.stderr)
                self.assertEqual(os.listdir(state), [])

    def test_the_background_is_no_way_out(self):
        daemon, _, _ = self.start_running(background=True)
        self.assert_no_power(daemon.pid)
        self.assertEqual(daemon.terminate(), 0)


class Forbidden(SandboxTest):
    """storage-forbidden makes one system call when the first state is stored, at INIT."""

    def forbidden(self, call, action, plugin="forbidden"):
        """(daemon, result of INIT or None if the daemon did not survive it)"""
        daemon = Daemon(storage_uri=f"{plugin}://{call}", plugin_directory=TEST_PLUGINS,
                        options=["--seccomp", f"action={action}"])
        self.addCleanup(daemon.discard)
        daemon.start()
        with daemon.open() as file:
            try:
                return daemon, Control(file).init()
            except OSError:
                return daemon, None

    def test_kill_kills(self):
        for call in FORBIDDEN:
            with self.subTest(call=call):
                daemon, result = self.forbidden(call, "kill")
                self.assertIsNone(result)
                self.assertEqual(daemon.wait(), -signal.SIGSYS)

    def test_log_names_the_call_and_lets_it_run(self):
        for call in set(FORBIDDEN) - {"openat"}:
            with self.subTest(call=call):
                daemon, result = self.forbidden(call, "log")
                self.assertEqual(result, SUCCESS, daemon.log)
                self.assertIn(f"makes the system call '{call}'", daemon.log)
                self.assertEqual(daemon.terminate(), 0)

    def test_log_names_nothing_else(self):
        daemon, _ = self.forbidden("socket", "log")
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(set(re.findall(r"system call '(\w+)'", daemon.log)), {"socket"})

    def test_none_lets_it_run_in_silence(self):
        for call in FORBIDDEN:
            with self.subTest(call=call):
                daemon, result = self.forbidden(call, "none")
                self.assertEqual(result, SUCCESS, daemon.log)
                self.assertEqual(status(daemon.pid)["Seccomp"], "0")
                self.assertEqual(daemon.log, "")
                self.assertEqual(daemon.terminate(), 0)

    def test_a_path_that_nobody_announced_is_out_of_reach(self):
        if not has_landlock():
            self.skipTest("this kernel has no Landlock")
        daemon, _ = self.forbidden("openat", "log")
        self.assertIn("openat failed: Permission denied", daemon.log)

    def test_a_call_that_the_plugin_names_is_allowed(self):
        daemon, result = self.forbidden("socket", "kill", plugin="permitted")
        self.assertEqual(result, SUCCESS, daemon.log)
        self.assertEqual(daemon.terminate(), 0)
        daemon, result = self.forbidden("kill", "kill", plugin="permitted")
        self.assertIsNone(result)
        self.assertEqual(daemon.wait(), -signal.SIGSYS)

    def test_plugins_that_name_what_cannot_be_are_refused(self):
        for plugin, name in (("greedy", "execve"), ("misspelt", "sokcet")):
            with self.subTest(plugin=plugin):
                daemon = Daemon(storage_uri=f"{plugin}://socket",
                                plugin_directory=TEST_PLUGINS)
                self.addCleanup(daemon.discard)
                self.assertNotEqual(daemon.expect_failure(), 0)
                self.assertIn(f"'storage-{plugin}'", daemon.stderr)
                self.assertIn(f"'{name}'", daemon.stderr)
                self.assertFalse(os.path.exists(daemon.pid_path))


def printed(*options, plugin_directory=PLUGINS):
    """The list of --print-sandbox: (action, calls)."""
    done = subprocess.run([PROGRAM, "--plugin-dir", plugin_directory, "--print-sandbox", *options],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sandbox = json.loads(done.stdout)["sandbox"]
    return sandbox["action"], sandbox["system_calls"]


class Workload:
    """Uses everything that a daemon can be asked for, under strace."""

    def __init__(self, test, options=(), tpm2_=True, **parameters):
        self.test = test
        self.options = list(options)
        self.trace = os.path.join(test.scratch(), "trace")
        self.parameters = dict(parameters, tpm2=tpm2_)

    def run(self):
        """The names of the system calls made after the sandbox closed."""
        # -D: the daemon, not strace, is the process that was started.
        with Daemon(options=self.options, wrapper=["strace", "-D", "-f", "-o", self.trace],
                    **self.parameters) as daemon:
            self.use(daemon)
            self.test.assertEqual(daemon.terminate(), 0)
            # strace pads short process ids.
            end = re.compile(rf"^{daemon.pid} +\+\+\+ exited", re.MULTILINE)
            self.test.wait_until(lambda: end.search(self.text()))
        return self.calls()

    def text(self):
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            return file.read()

    def use(self, daemon):
        with daemon.open() as file:
            control = Control(file)
            control.init()
            self.use_tpm(daemon, file)
            for kind in (PERMANENT, VOLATILE, SAVESTATE):
                # A TPM 2 has no saved state.
                with contextlib.suppress(ControlError):
                    control.get_blob(kind)
            self.wait_for_lock(daemon, control)
            control.store_volatile()
            control.stop()
            control.init()
            if daemon.tpm2:
                self.wait_while_stopped(daemon, file)
        self.reopen_log(daemon)

    def reopen_log(self, daemon):
        rotated = daemon.log_path + ".1"
        for _ in range(2):
            os.rename(daemon.log_path, rotated)
            daemon.signal(signal.SIGHUP)
            self.test.wait_until(lambda: os.path.exists(daemon.log_path))
            self.test.wait_until(lambda: daemon.log_path in open_files(daemon.pid))

    @staticmethod
    def wait_for_lock(daemon, control):
        """LOCK_STORAGE while somebody else has the lock, and again when it is free."""
        with Store(daemon.state_directory) as store:
            if store.try_lock():
                control.lock_storage(2)
        control.lock_storage()

    @staticmethod
    def use_tpm(daemon, file):
        if not daemon.tpm2:
            tpm = tpm12.Tpm12(file)
            tpm.startup()
            return
        tpm = tpm2.Tpm2(file)
        tpm.startup()
        tpm.get_random(16)
        tpm.run(tpm2.slow_command(bits=2048))
        tpm.run(tpm2.nv_define(0x1000001, 8))
        tpm.run(tpm2.nv_write(0x1000001, b"12345678"))

    def wait_while_stopped(self, daemon, file):
        """A stop and a continuation while the loop waits for the worker; it may not wait yet."""
        def stop_and_continue(_):
            time.sleep(0.02)
            daemon.signal(signal.SIGSTOP)
            time.sleep(0.05)
            daemon.signal(signal.SIGCONT)

        for _ in range(20):
            slow = SlowCommand(file)
            slow.finish(slow.during(stop_and_continue)[1])
            if "restart_syscall(" in self.text():
                break

    def calls(self):
        lines = self.text().splitlines()
        closed = max(number for number, line in enumerate(lines)
                     if "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC|" in line)
        made = (re.match(r"\d+ +(\w+)\(", line) for line in lines[closed + 1:])
        return {match[1] for match in made if match}


class FailingWorkload(Workload):
    """Brings libtpms to say that it cannot store."""

    def use(self, daemon):
        with daemon.open() as file:
            self.test.assertEqual(Control(file).init(), SUCCESS)
            tpm = tpm2.Tpm2(file)
            tpm.startup()
            os.mkdir(os.path.join(daemon.state_directory, "TMP2-00.permall"))
            for _ in range(2):
                self.test.assertEqual(tpm.code(tpm2.nv_define(0x1000001, 8)), tpm2.RC_FAILURE)


class List(SandboxTest):
    def test_it_tells_who_needs_each_call(self):
        action, calls = printed()
        self.assertEqual(action, "kill")
        names = [call["name"] for call in calls]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({call["source"] for call in calls}, {"core", "host", "storage-dir"})
        self.assertTrue(all(call["reason"] for call in calls if call["source"] == "core"))
        conditions = {call["name"]: call.get("condition") for call in calls}
        self.assertEqual(conditions["mmap"], "never executable")
        self.assertNotIn("mprotect", conditions)
        self.assertEqual(conditions["ioctl"], "only TCGETS")
        self.assertLess(len(calls), 45)

    def test_options_add_what_they_need_and_nothing_else(self):
        def names(*options):
            _, calls = printed("--tpmstate", "backend-uri=forbidden://socket", *options,
                               plugin_directory=TEST_PLUGINS)
            return {call["name"] for call in calls}
        plain = names()
        self.assertFalse(plain & {"openat", "unlinkat", "ftruncate", "execve", "clone", "clone3",
                                  "prctl", "kill", "socket", "fork", "ptrace"})
        self.assertEqual(names("--log", "file=/tmp/x") - plain, {"openat", "fchmod"})
        self.assertEqual(names("--pid", "file=/tmp/x") - plain, {"unlinkat", "ftruncate"})
        self.assertEqual(names("--pcap", "file=/tmp/x") - plain, {"ftruncate"})

    def test_none_leaves_no_list(self):
        self.assertEqual(printed("--seccomp", "action=none"), ("none", []))

    @only_for("dir", reason="the test behind this one does it")
    def test_every_call_of_core_and_plugins_is_reached_and_no_other(self):
        key = os.path.join(self.scratch(), "key")
        with open(key, "w", encoding="ascii") as file:
            file.write("0123456789abcdef" * 4)
        keyed = ["--key", f"file={key},mode=aes-256-cbc"]
        capture = ["--pcap", f"file={os.path.join(self.scratch(), 'capture')}"]
        deferred = ["--migration", "release-lock-outgoing"]
        # Root offers what it makes in a directory of another user to that user.
        foreign = self.scratch(0o777)
        os.chown(foreign, pwd.getpwnam(USER).pw_uid, -1)
        made = Workload(self, capture, storage_options=",backup", state_directory=foreign).run()
        made |= Workload(self, keyed + deferred).run()
        made |= Workload(self, tpm2_=False, background=True).run()
        # Its standard error is a character device now, as a terminal is.
        made |= FailingWorkload(self, background=True).run()
        listed = printed(*keyed, *deferred, *capture, "--pid", "file=/tmp/x", "--log",
                         "file=/tmp/x")[1]
        self.assertLessEqual(made, {call["name"] for call in listed})
        # Those of the host are for plugins of other people, and the unit tests reach them.
        unreached = {call["name"] for call in listed if call["source"] != "host"} - made
        self.assertEqual(unreached, set())

    @only_for("lmdb", "file", reason="the test before this one does it")
    def test_each_call_that_the_storage_names_is_reached(self):
        deferred = ["--migration", "release-lock-outgoing"]
        made = Workload(self, deferred).run()
        made |= Workload(self, tpm2_=False, background=True).run()
        _, listed = printed("--tpmstate", tpmstate(self.scratch()), *deferred,
                            "--log", "file=/tmp/x", "--pid", "file=/tmp/x")
        named = {call["name"] for call in listed if call["source"] == f"storage-{STORAGE}"}
        self.assertLessEqual(made, {call["name"] for call in listed})
        # Only after a failed commit is the environment opened anew, as the conformance kit shows.
        unreached = {"lmdb": {"uname"}, "file": set()}[STORAGE]
        self.assertEqual(named - made, unreached)


if __name__ == "__main__":
    unittest.main()
