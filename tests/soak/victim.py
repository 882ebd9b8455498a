# SPDX-License-Identifier: BSD-3-Clause
"""A TPM whose daemon is killed again and again, and that has to come back each time as what it was.

Its client counts in NV: `value` is the last number that the TPM has acknowledged."""

import os
import struct

import ptm
import tpm2
import tpm12
from daemon import Daemon
from known_tpm2 import RH_ENDORSEMENT
from known_tpm12 import FORCE_CLEAR, READ_PUBLIC_KEY
from ptm import Control
from store import Store

# Stops before it becomes the daemon, so that it can be traced from there on.
STOPPED_AT_FIRST = ("sh", "-c", 'kill -STOP $$; exec "$@"', "sh")


class Lost(AssertionError):
    """What the TPM had acknowledged is not there."""


def must(name, code):
    if code != 0:
        raise Lost(f"{name}: {code:#x}")


class Commands2:
    """What the victim needs of a TPM 2."""

    PERMANENT = "tpm2-00.permall"
    INDEX = 0x01500020
    ALREADY_STARTED = tpm2.RC_INITIALIZE
    client = tpm2.Tpm2
    code = staticmethod(tpm2.response_code)
    startup = staticmethod(lambda resume=False: tpm2.startup(
        tpm2.SU_STATE if resume else tpm2.SU_CLEAR))
    save = staticmethod(lambda: tpm2.shutdown(tpm2.SU_STATE))
    write = staticmethod(lambda data: tpm2.nv_write(Commands2.INDEX, data))

    @staticmethod
    def create(tpm):
        tpm.run(tpm2.nv_define(Commands2.INDEX, 8))

    @staticmethod
    def make_room(tpm):
        """A TPM 2 takes any number of writes."""

    @staticmethod
    def identity(tpm):
        """The public part of the endorsement key."""
        body = tpm.run(tpm2.create_primary(tpm2.ecc_storage_template(), RH_ENDORSEMENT))
        tpm.run(tpm2.flush_context(struct.unpack_from(">I", body)[0]))
        return body[10:10 + struct.unpack_from(">H", body, 8)[0]]

    @staticmethod
    def read(tpm):
        return tpm.nv_read(Commands2.INDEX, 8)


class Commands12:
    """What the victim needs of a TPM 1.2."""

    PERMANENT = "tpm-00.permall"
    INDEX = 0x00011120
    ALREADY_STARTED = tpm12.TPM_INVALID_POSTINIT
    client = tpm12.Tpm12
    code = staticmethod(tpm12.response_code)
    startup = staticmethod(lambda resume=False: tpm12.startup(
        tpm12.ST_STATE if resume else tpm12.ST_CLEAR))
    save = staticmethod(tpm12.save_state)
    write = staticmethod(lambda data: tpm12.nv_write(Commands12.INDEX, data))

    @staticmethod
    def create(tpm):
        tpm.enable()
        tpm.run(tpm12.create_endorsement_key_pair())
        tpm.run(tpm12.nv_define(Commands12.INDEX, 8))

    @staticmethod
    def make_room(tpm):
        """Without an owner a TPM 1.2 takes 64 writes, until it is cleared."""
        tpm.run(tpm12.physical_presence(tpm12.PP_CMD_ENABLE))
        tpm.run(tpm12.physical_presence(tpm12.PP_PRESENT))
        tpm.run(tpm12.command(FORCE_CLEAR))
        tpm.enable()

    @staticmethod
    def identity(tpm):
        """The public part of the endorsement key."""
        return tpm.run(tpm12.command(READ_PUBLIC_KEY, bytes(20)))

    @staticmethod
    def read(tpm):
        return tpm.nv_read(Commands12.INDEX, 8)


class Victim:
    """`place` is a storage URI; `options` are the daemon's; with `backup` the daemon keeps one."""

    def __init__(self, version, place, options, backup=False):
        self.version = version
        self.backup = backup
        self.is_damaged = False  # the permanent state, until the TPM has stored it again
        self.commands = Commands2 if version == 2 else Commands12
        self.place = place
        self.options = ["--migration", "release-lock-outgoing", *options]
        self.value = 0
        self.daemon = None
        self.file = None
        self._identity = None

    # ------------------------------------------------------------------------ life

    def create(self):
        """A new TPM."""
        self.start()
        self.power_on()
        self.commands.create(self.tpm)
        if self.version == 12:  # enabled from the next start on
            must("STOP", self.control.stop())
            self.power_on()
        self._identity = self.commands.identity(self.tpm)
        self.write(1)

    def start(self):
        self.daemon = self._new_daemon().start()
        self.file = self.daemon.open()

    def launch(self):
        """A process that has stopped before it becomes the daemon; `await_start` follows."""
        self.daemon = self._new_daemon(wrapper=STOPPED_AT_FIRST)
        pid = self.daemon.launch()
        os.waitpid(pid, os.WUNTRACED)
        return pid

    def await_start(self):
        self.daemon.await_device()
        self.file = self.daemon.open()

    def power_on(self):
        """INIT and Startup(CLEAR); whether the TPM went on from a volatile state instead."""
        must("INIT", self.control.init(ptm.INIT_DELETE_VOLATILE))
        code = self.tpm.code(self.commands.startup())
        if code != self.commands.ALREADY_STARTED:
            must("Startup", code)
        return code != ptm.SUCCESS

    def bury(self):
        """After its process was killed or has ended."""
        code = self.daemon.wait()
        self.daemon.discard()
        self.file = None
        return code

    def come_back(self, values, may_resume):
        """Starts on what is there.  It must be this TPM, with one of these values."""
        self.start()
        resumed = self.power_on()
        if resumed and not may_resume:
            raise Lost("there was a volatile state")
        if "using the backup" in self.daemon.log and not self.is_damaged:
            raise Lost("the permanent state was not whole, and its backup was needed")
        self.is_damaged = False
        self.check(values)
        self.commands.make_room(self.tpm)

    def damage(self, is_removed):
        """While no daemon runs.  What is left is the backup, of the write before the last."""
        with Store(self.place) as store:
            if is_removed:
                store.delete(self.commands.PERMANENT)
            else:
                whole = store.get(self.commands.PERMANENT)
                store.put(self.commands.PERMANENT, whole[:len(whole) // 2])
        self.is_damaged = True
        self.value -= 1

    def check(self, values):
        """What is read from now on counts as acknowledged."""
        found = struct.unpack(">Q", self.commands.read(self.tpm))[0]
        if found not in values:
            raise Lost(f"NV holds {found}, not {' or '.join(map(str, sorted(values)))}")
        self.value = found
        if self.commands.identity(self.tpm) != self._identity:
            raise Lost("this is another TPM")

    def end(self):
        if self.daemon is not None:
            self.daemon.discard()
            self.daemon = None

    # -------------------------------------------------------------------- requests

    @property
    def control(self):
        return Control(self.file)

    @property
    def tpm(self):
        return self.commands.client(self.file)

    def submit(self, command):
        """Sends a command; the pending calls."""
        return [self.file.submit_write(command), self.file.submit_read()]

    def next_write(self):
        return self.commands.write(struct.pack(">Q", self.value + 1))

    def write(self, value):
        """Acknowledged when it returns."""
        data = struct.pack(">Q", value)
        self.tpm.run(self.commands.write(data))
        self.value = value

    def _new_daemon(self, **keywords):
        return Daemon(tpm2=self.version == 2, storage_uri=self.place, options=self.options,
                      storage_options=",backup" if self.backup else "", **keywords)
