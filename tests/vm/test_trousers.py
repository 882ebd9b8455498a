# SPDX-License-Identifier: BSD-3-Clause
"""A TPM 1.2 under TrouSerS: its daemon tcsd and tpm-tools."""

import os
import shutil
import socket
import subprocess
import unittest

import tpm12
from device import PATIENCE, DeviceFile, Tpm, must, run, wait_until

# tcsd opens /dev/tpm0 unless told otherwise.
DEVICE = "tpm0"
TCSD_PORT = 30003

# What a BIOS sends, so that the TPM can be owned.
BIOS_COMMANDS = [
    tpm12.startup(),
    tpm12.self_test_full(),
    tpm12.physical_presence(tpm12.PP_CMD_ENABLE),
    tpm12.physical_presence(tpm12.PP_PRESENT),
    tpm12.physical_enable(),
    tpm12.physical_set_deactivated(False),
]


def accepts_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class Trousers(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tpm = Tpm(DEVICE)
        cls.addClassCleanup(cls.tpm.remove)

    def power_on(self):
        self.tpm.start().initialise()
        with DeviceFile(self.tpm.path) as file:
            for command in BIOS_COMMANDS:
                tpm12.Tpm12(file).run(command)
        shutil.chown(self.tpm.path, "tss")
        self.start_tcsd()

    def start_tcsd(self):
        self.tcsd = subprocess.Popen(["tcsd", "-f"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.stop_tcsd)
        wait_until(lambda: accepts_connections(TCSD_PORT) or self.tcsd.poll() is not None,
                   "tcsd listens")
        if self.tcsd.poll() is not None:
            self.fail(f"tcsd ended: {self.tcsd.stdout.read()}")

    def stop_tcsd(self):
        self.tcsd.terminate()
        self.tcsd.wait(timeout=PATIENCE)
        self.tcsd.stdout.close()

    def power_off(self):
        self.stop_tcsd()
        self.tpm.stop()

    def test_ownership_outlives_the_process(self):
        self.power_on()
        self.assertRegex(must("tpm_version"), r"TPM 1\.2 Version Info:[\s\S]*Vendor ID: +IBM")
        must("tpm_createek")
        must("tpm_takeownership", "-y", "-z")
        must("tpm_nvdefine", "-i", "0x1000", "-s", "9", "-p", "OWNERREAD|OWNERWRITE", "-y")
        must("tpm_nvwrite", "-i", "0x1000", "-d", "kept data", "-z")
        endorsement_key = must("tpm_getpubek", "-z")
        self.power_off()

        self.power_on()
        again = run("tpm_takeownership", "-y", "-z")
        self.assertNotEqual(again.returncode, 0, "the TPM has forgotten that it is owned")
        self.assertIn("disabled", again.stderr)
        self.assertEqual(must("tpm_getpubek", "-z"), endorsement_key)
        self.assertIn("kept data", must("tpm_nvread", "-i", "0x1000", "-z"))
        self.power_off()
        self.assertIn("tpm-00.permall", os.listdir(self.tpm.state_directory))


if __name__ == "__main__":
    unittest.main()
