# SPDX-License-Identifier: BSD-3-Clause
"""What a guest does with its TPM: work that leaves traces in the permanent and in the volatile
state, by which the same TPM is known again."""

import tpm2
import tpm12
from tpm2 import Tpm2
from tpm12 import Tpm12

INDEX = 0x01500001
INDEX_12 = 0x00011101
PCR = 16
PCR_12 = 10


class Guest2:
    """On a TPM 2."""

    def __init__(self, file):
        self.tpm = Tpm2(file)
        self.file = file

    def start(self):
        self.tpm.startup()
        self.tpm.run(tpm2.nv_define(INDEX, 8))

    def work(self, value):
        self.tpm.run(tpm2.nv_write(INDEX, value))
        self.tpm.run(tpm2.pcr_extend(PCR, value.ljust(32, b"\0")))

    def traces(self):
        """(permanent, volatile)"""
        return self.tpm.nv_read(INDEX, 8), self.tpm.pcr_read(PCR)

    def a_write(self):
        return tpm2.nv_write(INDEX, b"too late")


class Guest12:
    """On a TPM 1.2."""

    def __init__(self, file):
        self.tpm = Tpm12(file)
        self.file = file

    def start_present(self):
        self.tpm.startup()
        self.tpm.run(tpm12.physical_presence(tpm12.PP_CMD_ENABLE))
        self.tpm.run(tpm12.physical_presence(tpm12.PP_PRESENT))

    def start(self):
        self.start_present()
        self.tpm.run(tpm12.nv_define(INDEX_12, 8))

    def work(self, value):
        self.tpm.run(tpm12.nv_write(INDEX_12, value))
        self.tpm.run(tpm12.extend(PCR_12, value.ljust(20, b"\0")))

    def traces(self):
        """(permanent, volatile)"""
        return self.tpm.nv_read(INDEX_12, 8), self.tpm.pcr_read(PCR_12)

    def a_write(self):
        return tpm12.nv_write(INDEX_12, b"too late")


def guest_for(is_tpm2, file):
    return Guest2(file) if is_tpm2 else Guest12(file)
