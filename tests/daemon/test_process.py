# SPDX-License-Identifier: BSD-3-Clause
"""The process: background, pid file, log, channel, errors of the start."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import time

import tpm2
from daemon import BUILD_DIR, PLUGINS, PROGRAM, Daemon, run_program
from fake_kernel import PATIENCE, TOP, FakeKernel
from plugins import trusted
from ptm import Control
from store import STORAGE, only_for, put, stored, tpmstate
from tpm2 import Tpm2
from tpm_test import TpmTest

TEST_PLUGINS = trusted(os.path.join(BUILD_DIR, "tests/plugins"))
LINKS_OF_DIR = only_for("dir", reason="it is about the names of storage-dir's files")


class Background(TpmTest):
    def test_the_command_returns_0_once_the_device_works(self):
        daemon = self.start(background=True)
        self.assertNotEqual(daemon.pid, os.getpid())
        file = daemon.open()
        self.assertEqual(Control(file).init(), 0)
        Tpm2(file).startup()

    def test_the_pid_file_names_the_daemon_and_goes_with_it(self):
        for background in (False, True):
            daemon = self.start(background=background)
            with open(daemon.pid_path, encoding="ascii") as file:
                self.assertEqual(file.read(), f"{daemon.pid}\n")
            self.assertEqual(os.readlink(f"/proc/{daemon.pid}/exe"), PROGRAM)
            self.assertEqual(daemon.shut_down(), 0)
            self.assertFalse(os.path.exists(daemon.pid_path))

    def test_the_process_keeps_its_arguments(self):
        daemon = self.start(background=True)
        with open(f"/proc/{daemon.pid}/cmdline", "rb") as file:
            self.assertIn(b"vtpm-test", file.read().split(b"\0"))

    def test_it_has_a_session_of_its_own_and_no_terminal(self):
        daemon = self.start(background=True)
        self.assertEqual(os.getsid(daemon.pid), daemon.pid)
        for fd in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{daemon.pid}/fd/{fd}"), "/dev/null")

    def test_it_lets_go_of_the_output_of_the_command(self):
        # Else who reads that output, as "swtpm_cuse ... | cat" does, would wait for the daemon.
        daemon = self.start(background=True)
        targets = [os.readlink(f"/proc/{daemon.pid}/fd/{fd}")
                   for fd in os.listdir(f"/proc/{daemon.pid}/fd")]
        self.assertIn(daemon.log_path, targets)
        self.assertNotIn(os.path.join(daemon.directory, "stderr"), targets)

    def test_an_error_before_the_device_works_reaches_the_command(self):
        for background in (False, True):
            daemon = self.failing(background=background,
                                  options=["--key", "file=/none/key"])
            self.assertIn("swtpm_cuse: ", daemon.stderr)
            self.assertFalse(os.path.exists(daemon.pid_path))

    def failing(self, **parameters):
        daemon = Daemon(**parameters)
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1, daemon.stderr)
        return daemon

    def test_a_daemon_that_is_killed_before_the_device_works_is_an_error_of_the_command(self):
        # At the other end of this channel nobody asks for the device.
        channel, silent_kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = os.path.join(self.directory(), "log")
        with channel, silent_kernel, subprocess.Popen(
                [PROGRAM, "--name", "vtpm-test", "--tpm2", "--plugin-dir", PLUGINS,
                 "--log", f"file={log}",
                 "--seccomp", "action=none", "--cuse-fd", str(channel.fileno()),
                 "--tpmstate", tpmstate(self.directory())],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[channel.fileno()],
                text=True) as command:
            os.kill(self.child_of(command.pid), signal.SIGKILL)
            _, errors = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 1)
        self.assertRegex(errors, r"\Aswtpm_cuse: the process ended before the device was ready: "
                                 r"signal 9 \(Killed\)\n\Z")
        with open(log, encoding="utf-8") as file:
            self.assertIn("signal 9", file.read())

    @staticmethod
    def child_of(pid):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                children = file.read().split()
            if children:
                return int(children[0])
            time.sleep(0.005)
        raise AssertionError(f"process {pid} made no other")

    def test_a_service_manager_is_told_when_the_device_works(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(self.directory(), "notify")
            manager.bind(path)
            manager.settimeout(PATIENCE)
            self.start(environment={"NOTIFY_SOCKET": path})
            self.assertIn(b"READY=1", manager.recv(4096).split(b"\n"))


class Channel(TpmTest):
    def test_a_descriptor_that_is_not_open_is_an_error(self):
        done = run_program("--name", "x", "--tpm2", "--cuse-fd", "77", "--tpmstate",
                           tpmstate(self.directory()))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("77", done.stderr)

    def test_a_channel_that_was_closed_already_is_an_error(self):
        kernel = FakeKernel()
        self.addCleanup(kernel.close)
        kernel.hang_up()
        done = run_program("--name", "vtpm-test", "--tpm2", "--foreground", "--cuse-fd",
                           str(kernel.server_fd), "--tpmstate", tpmstate(self.directory()),
                           pass_fds=[kernel.server_fd])
        self.assertEqual(done.returncode, 1)
        self.assertIn("vtpm-test", done.stderr)

    def test_a_message_that_is_no_request_is_an_error(self):
        channel, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with channel, kernel:
            kernel.send(b"short")
            done = run_program("--name", "vtpm-test", "--tpm2", "--foreground", "--cuse-fd",
                               str(channel.fileno()), "--tpmstate", tpmstate(self.directory()),
                               pass_fds=[channel.fileno()])
        self.assertEqual(done.returncode, 1)
        self.assertIn("a message of 5 bytes", done.stderr)

    def test_a_log_and_a_capture_that_nobody_reads_do_not_end_the_start(self):
        kernel = FakeKernel()
        self.addCleanup(kernel.close)
        kernel.hang_up()
        for option in ("--pcap", "--log"):
            reader, writer = os.pipe()
            os.close(reader)
            self.addCleanup(os.close, writer)
            done = run_program("--name", "vtpm-test", "--tpm2", "--foreground", "--cuse-fd",
                               str(kernel.server_fd), "--tpmstate", tpmstate(self.directory()),
                               option, f"fd={writer}", pass_fds=[kernel.server_fd, writer])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("swtpm_cuse: ", done.stderr)


class Plugins(TpmTest):
    def test_without_a_plugin_it_says_so_and_ends(self):
        with open(os.path.join(TOP, "build/cfg/prefix"), encoding="utf-8") as prefix:
            installed = os.path.join(prefix.read().strip(), "lib/swtpm-cuse")
        if os.path.exists(installed):
            self.skipTest(f"there are plugins in {installed}")
        empty = self.directory()
        installed = subprocess.run([PROGRAM, "--print-plugins", "--plugin-dir", empty],
                                   capture_output=True, text=True, check=True).stdout
        if f"storage-{STORAGE}.so" in installed:
            self.skipTest("the plugins are installed on this machine, and so are found")
        daemon = Daemon(plugin_directory=empty, environment={"SWTPM_PLUGIN_DIR": empty})
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1)
        self.assertIn(f"storage-{STORAGE}.so", daemon.stderr)

    def test_an_unknown_storage_names_the_plugin_that_is_missing(self):
        daemon = Daemon(storage_uri="nosuch://there")
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1)
        self.assertIn("storage-nosuch.so", daemon.stderr)

    def test_the_plugins_are_found_where_the_build_put_them(self):
        self.assertTrue(os.path.exists(os.path.join(PLUGINS, f"storage-{STORAGE}.so")))


class Links(TpmTest):
    """Nothing is written through a symbolic link (CVE-2020-28407)."""

    def link_to_victim(self, name):
        directory = self.directory()
        victim, link = os.path.join(directory, "victim"), os.path.join(directory, name)
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious")
        os.symlink(victim, link)
        return directory, victim, link

    def check_refused(self, daemon, victim):
        self.addCleanup(daemon.discard)
        self.assertNotEqual(daemon.expect_failure(), 0)
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        return daemon.stderr

    def test_the_log(self):
        _, victim, link = self.link_to_victim("log")
        daemon = Daemon()
        daemon.log_path = link
        self.assertIn(link, self.check_refused(daemon, victim))

    def test_the_pid_file(self):
        _, victim, link = self.link_to_victim("pid")
        daemon = Daemon()
        daemon.pid_path = link
        self.assertIn(link, self.check_refused(daemon, victim))

    @LINKS_OF_DIR
    def test_the_state_directory(self):
        directory = self.directory()
        target, link = os.path.join(directory, "target"), os.path.join(directory, "link")
        os.mkdir(target)
        os.symlink(target, link)
        for path in (link, link + "/"):
            daemon = Daemon(state_directory=path)
            self.addCleanup(daemon.discard)
            self.assertEqual(daemon.expect_failure(), 1)
            self.assertIn(link, daemon.stderr)
            self.assertEqual(os.listdir(target), [])

    @LINKS_OF_DIR
    def test_the_lock_file(self):
        directory, victim, _ = self.link_to_victim(".lock")
        message = self.check_refused(Daemon(state_directory=directory), victim)
        self.assertIn(".lock' is a symbolic link", message)
        self.assertIn("remove it", message)

    @LINKS_OF_DIR
    def test_a_state_file(self):
        directory, victim, _ = self.link_to_victim("tpm2-00.permall")
        daemon = Daemon(state_directory=directory, options=["--flags", "not-need-init"])
        self.assertIn(directory, self.check_refused(daemon, victim))

    @LINKS_OF_DIR
    def test_the_temporary_file(self):
        directory, victim, link = self.link_to_victim("TMP2-00.permall")
        self.start_running(state_directory=directory)
        with open(victim, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        self.assertFalse(os.path.islink(os.path.join(directory, "tpm2-00.permall")))


class StateDirectory(TpmTest):
    def test_it_is_made_where_its_parent_exists(self):
        parent = self.directory()
        path = os.path.join(parent, "state")
        self.start_running(state_directory=path)
        self.assertEqual(os.path.isdir(path), STORAGE != "file")
        daemon = Daemon(state_directory=os.path.join(parent, "no", "such"))
        self.addCleanup(daemon.discard)
        self.assertEqual(daemon.expect_failure(), 1)
        self.assertIn(os.path.join(parent, "no"), daemon.stderr)

    def test_the_state_has_the_mode_that_was_asked_for(self):
        for options, mode in (("", 0o640), (",mode=0600", 0o600), (",mode=0660", 0o660)):
            directory = os.path.join(self.directory(), "state")
            self.start_running(state_directory=directory, storage_options=options)
            name = {"dir": "tpm2-00.permall", "lmdb": "data.mdb", "file": ""}[STORAGE]
            status = os.stat(os.path.join(directory, name).rstrip("/"))
            self.assertEqual(stat.S_IMODE(status.st_mode), mode)

    @only_for("dir", reason="TPM_PATH names a directory")
    def test_tpm_path_gives_the_directory(self):
        directory = self.directory()
        daemon = Daemon(environment={"TPM_PATH": directory})
        daemon.storage = None
        with daemon:
            Control(daemon.open()).init()
        self.assertIn("tpm2-00.permall", os.listdir(directory))

    @only_for("dir", "lmdb", reason="a file has room for the states of one TPM")
    def test_both_versions_share_a_directory_one_after_the_other(self):
        directory = self.directory()
        for tpm_2 in (True, False):
            daemon, _, _ = self.start_running(state_directory=directory, tpm2=tpm_2)
            daemon.shut_down()
        self.assertLessEqual({"tpm2-00.permall", "tpm-00.permall"}, set(stored(directory)))

    def test_a_state_that_cannot_be_stored_is_not_answered_as_if_it_were(self):
        directory = os.path.join(self.directory(), "state")
        daemon, _, client = self.start_running(state_directory=directory)
        os.remove(directory) if STORAGE == "file" else shutil.rmtree(directory)
        self.assertNotEqual(client.code(tpm2.nv_define(0x01500001, 5)), tpm2.RC_SUCCESS)
        self.assertIn(directory, daemon.log)


class TwoDaemons(TpmTest):
    def test_the_second_on_one_directory_is_refused(self):
        directory = self.directory()
        for background in (False, True):
            first = self.start(state_directory=directory, background=background)
            second = Daemon(state_directory=directory)
            self.addCleanup(second.discard)
            self.assertEqual(second.expect_failure(), 1)
            self.assertIn(directory, second.stderr)
            self.assertIn(str(first.pid), second.stderr)
            first.shut_down()

    def test_the_successor_gets_the_lock_however_the_first_ended(self):
        directory = self.directory()
        for end in ("shut_down", "terminate", "crash"):
            getattr(self.start(state_directory=directory), end)()

    def test_without_the_lock_both_run(self):
        directory = self.directory()
        self.start(state_directory=directory, storage_options=",lock=false")
        self.start(state_directory=directory, storage_options=",lock=false")


class DamagedState(TpmTest):
    """A state that does not load is an error; it is never replaced by a new TPM."""

    def setUp(self):
        self.state = self.directory()
        daemon, _, _ = self.start_running(state_directory=self.state)
        daemon.shut_down()
        self.good = stored(self.state)["tpm2-00.permall"]

    def test_init_fails_and_the_file_stays_as_it_is(self):
        good = self.good
        for name, bad in (("empty", b""), ("cut", good[:-1]), ("header only", good[:10]),
                          ("half a header", good[:5]), ("longer", good + b"x"),
                          ("zeros", bytes(len(good))), ("newer", b"\3\3" + good[2:]),
                          ("a large length", good[:12] + b"\xff\xff\xff\xff" + good[16:]),
                          ("another tag", good[:10] + b"\0\x2a" + good[12:])):
            with self.subTest(damage=name):
                put(self.state, "tpm2-00.permall", bytes(bad))
                daemon = self.start(state_directory=self.state)
                file = daemon.open()
                self.assertEqual(Control(file).init(), tpm2.RC_FAILURE)
                self.assertEqual(Tpm2(file).transmit(tpm2.startup()), tpm2.FAILURE_RESPONSE)
                self.assertIn(self.state, daemon.log)
                daemon.shut_down()
                self.assertEqual(stored(self.state)["tpm2-00.permall"], bad)

    def test_every_flipped_bit_of_the_header_is_noticed_or_harmless(self):
        for position in range(16):
            for bit in range(8):
                bad = bytearray(self.good)
                bad[position] ^= 1 << bit
                put(self.state, "tpm2-00.permall", bytes(bad))
                daemon = self.start(state_directory=self.state)
                result = Control(daemon.open()).init()
                self.assertIn(result, (0, tpm2.RC_FAILURE))
                if result != 0:
                    daemon.shut_down()
                    self.assertEqual(stored(self.state)["tpm2-00.permall"], bad)
                daemon.close()

    def test_a_backup_is_used_when_the_state_does_not_load(self):
        daemon, _, client = self.start_running(state_directory=self.state,
                                               storage_options=",backup")
        client.run(tpm2.nv_define(0x01500001, 5))
        client.run(tpm2.nv_write(0x01500001, b"hello"))
        client.run(tpm2.nv_define(0x01500002, 5))
        daemon.shut_down()
        self.assertIn("tpm2-00.permall.bak", stored(self.state))
        put(self.state, "tpm2-00.permall", b"")
        _, _, client = self.start_running(state_directory=self.state, storage_options=",backup")
        self.assertEqual(client.nv_read(0x01500001, 5), b"hello")

    def test_a_crypto_plugin_that_fails_is_no_reason_for_the_backup(self):
        state = self.directory()
        key = ["--key", f"file={self.key_file()}"]
        daemon, _, client = self.start_running(state_directory=state, options=key,
                                               storage_options=",backup")
        client.run(tpm2.nv_define(0x01500001, 5))
        daemon.shut_down()
        before = stored(state)
        self.assertIn("tpm2-00.permall.bak", before)
        # A plugin that computes nothing and reports that as an error.
        failing = Daemon(state_directory=state, storage_options=",backup",
                         options=[*key, "--crypto", "echo", "--flags", "startup-clear"],
                         environment={"SWTPM_PLUGIN_DIR": TEST_PLUGINS})
        self.addCleanup(failing.discard)
        self.assertEqual(failing.expect_failure(), 1)
        self.assertIn("'tpm2-00.permall'", failing.report)
        self.assertIn("crypto plugin 'echo': wanted room for", failing.report)
        self.assertIn("'tpm2-00.permall.bak' was not used", failing.report)
        self.assertEqual(stored(state), before)
