# SPDX-License-Identifier: BSD-3-Clause
"""swtpm-cuse@.service under systemd itself, which runs in a process namespace of its own."""

import os
import shutil
import signal
import subprocess
import unittest

from device import is_device, must, run, wait_until

CONFIGURATION = "/etc/swtpm-cuse"
STATE = "/var/lib/swtpm-cuse"

# Nothing of what a machine starts at boot, since that takes minutes here.
ALONE = "[Unit]\nDefaultDependencies=no\n"


def write_unit(name, text):
    path = f"/run/systemd/system/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as unit:
        unit.write(text)


class ServiceManager:
    """systemd as process 1 of a namespace of its own."""

    def start(self):
        write_unit("idle.target", ALONE)
        write_unit("swtpm-cuse@.service.d/alone.conf", ALONE)
        if not os.path.ismount("/sys/fs/cgroup"):
            must("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        self._process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc",
             "env", "-i", "container=other", f"PATH={os.environ['PATH']}",
             "/lib/systemd/systemd", "--system", "--unit=idle.target", "--log-target=null"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self._init() and self.control("is-active", "idle.target").returncode == 0,
                   "systemd has started")

    def stop(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def control(self, *words):
        """Runs systemctl inside; outside it would take this machine's root for a chroot."""
        return run("nsenter", "-t", self._init(), "--pid", "--mount", "--root",
                   "systemctl", *words)

    def _init(self):
        process = self._process.pid
        with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
            return file.read().strip()


class Service:
    """One instance of the unit, with its configuration file."""

    def __init__(self, manager, name, options):
        self._manager = manager
        self.unit = f"swtpm-cuse@{name}.service"
        self.device = f"/dev/{name}"
        os.makedirs(CONFIGURATION, exist_ok=True)
        with open(f"{CONFIGURATION}/{name}.conf", "w", encoding="ascii") as file:
            file.write(f"OPTIONS={options}\n")

    def start(self):
        """Whether it was started."""
        return self._manager.control("start", self.unit).returncode == 0

    def must(self, verb):
        done = self._manager.control(verb, self.unit)
        if done.returncode != 0:
            raise AssertionError(f"systemctl {verb}: {done.stderr}")

    def property(self, name):
        return self._manager.control("show", "-P", name, self.unit).stdout.strip()

    def process_status(self):
        """/proc/PID/status of the process that serves the device, as a dictionary."""
        path = f"/sys/fs/cgroup{self.property('ControlGroup')}/cgroup.procs"
        with open(path, encoding="ascii") as file:
            process = file.read().split()[0]
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)


class SystemdUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.manager = ServiceManager()
        cls.manager.start()
        cls.addClassCleanup(cls.manager.stop)

    def service(self, name, options):
        service = Service(self.manager, name, options)
        self.addCleanup(service.must, "stop")
        return service

    def test_it_serves_a_device_with_no_right_left(self):
        service = self.service("vtpm-unit", "--tpm2 --flags startup-clear")
        self.assertTrue(service.start())
        self.assertEqual(service.property("StatusText"), "TPM 2.0 on /dev/vtpm-unit")
        random = must("tpm2_getrandom", "-T", f"device:{service.device}", "--hex", "8")
        self.assertRegex(random, "^[0-9a-f]{16}$")
        status = service.process_status()
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertTrue(os.path.exists(f"{STATE}/vtpm-unit/tpm2-00.permall"))
        service.must("reload")
        service.must("stop")
        self.assertEqual(service.property("Result"), "success")
        self.assertFalse(is_device(service.device))

    def test_it_becomes_the_user_of_runas(self):
        directory = f"{STATE}/vtpm-user"
        service = self.service("vtpm-user", f"--tpm2 --runas daemon --tpmstate dir={directory}/own")
        os.makedirs(f"{directory}/own")
        shutil.chown(f"{directory}/own", "daemon", "daemon")
        os.chmod(STATE, 0o755)
        os.chmod(directory, 0o755)
        write_unit(f"{service.unit}.d/mode.conf", "[Service]\nStateDirectoryMode=0755\n")
        self.manager.control("daemon-reload")
        self.assertTrue(service.start())
        self.assertEqual(service.process_status()["Uid"].split(), ["1"] * 4)

    def test_a_wrong_command_line_is_not_tried_again(self):
        service = self.service("vtpm-wrong", "--no-such-option")
        self.assertFalse(service.start())
        self.assertEqual(service.property("ExecMainStatus"), "2")
        self.assertEqual(service.property("NRestarts"), "0")
        self.assertEqual(service.property("ActiveState"), "failed")


if __name__ == "__main__":
    unittest.main()
