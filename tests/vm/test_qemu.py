# SPDX-License-Identifier: BSD-3-Clause
"""A guest of QEMU gets the device as its TPM: its firmware measures and locks as on real hardware."""

import os
import subprocess
import unittest

from device import PATIENCE, Tpm, wait_until

# What SeaBIOS sends to a TPM 2 that has been started: TPM2_HierarchyControl.
FIRMWARE_COMMAND = "Command 0x121 "


class Qemu(unittest.TestCase):

    def test_the_firmware_of_a_guest_uses_the_tpm(self):
        tpm = Tpm("vtpm-guest", "--tpm2", "--flags", "startup-clear")
        self.addCleanup(tpm.remove)
        log = os.path.join(tpm.state_directory, "log")
        tpm.options += ("--log", f"file={log},level=5")
        tpm.start()
        qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-m", "64", "-nodefaults", "-display", "none",
             "-tpmdev", f"passthrough,id=tpm0,path={tpm.path},cancel-path=/dev/null",
             "-device", "tpm-tis,tpmdev=tpm0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(qemu.stdout.close)
        self.addCleanup(qemu.wait, PATIENCE)
        self.addCleanup(qemu.kill)

        def has_used_it():
            if qemu.poll() is not None:
                self.fail(f"QEMU ended: {qemu.stdout.read()}")
            with open(log, encoding="utf-8") as file:
                return FIRMWARE_COMMAND in file.read()

        wait_until(has_used_it, "a command of the firmware")


if __name__ == "__main__":
    unittest.main()
