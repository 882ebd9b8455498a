# SPDX-License-Identifier: BSD-3-Clause
"""A TPM 1.2 under TrouSerS: its daemon tcsd and tpm-tools."""

import os
import shutil
import socket
import subprocess
import unittest

from device import PATIENCE, Tpm, must, run, wait_until
from tpm_client import TpmClient

# tcsd opens /dev/tpm0 unless told otherwise.
DEVICE = "tpm0"
TCSD_PORT = 30003

# What a BIOS sends: TPM_Startup(ST_CLEAR), TPM_ContinueSelfTest, TSC_PhysicalPresence (command
# enable, then present), TPM_PhysicalEnable, TPM_PhysicalSetDeactivated(FALSE).
BIOS_COMMANDS = [
    "00c10000000c000000990001",
    "00c10000000a00000053",
    "00c10000000c4000000a0020",
    "00c10000000c4000000a0008",
    "00c10000000a0000006f",
    "00c10000000b0000007200",
]
TPM_SUCCESS = "00c40000000a00000000"


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
        with TpmClient(self.tpm.path) as client:
            for command in BIOS_COMMANDS:
                self.assertEqual(client.transmit(bytes.fromhex(command)).hex(), TPM_SUCCESS)
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
