# SPDX-License-Identifier: BSD-3-Clause
"""A TPM that is stored somewhere, and what clients were told about it.

Each kind of place is filled once; a test works on a copy.  It holds an NV value that changes, and a
key that must stay: so a lost write, and a TPM that was made anew, both show."""

import atexit
import os
import shutil
import tempfile

import tpm12
import tpm2
from daemon import Daemon
from ptm import SUCCESS, Control
from tpm_test import client_for

NV_INDEX = 0x01000010
NV_INDEX_12 = 0x00011101
PERSISTENT_KEY = 0x81000001
FIRST_VALUE = b"value 00"
# What the backup of the state holds, where one is kept.
VALUE_BEFORE = b"value -1"


class Kind:
    """One kind of place: which TPM, in which storage, with which keys."""

    def __init__(self, name, is_tpm2=True, uri=None, key=None, storage=""):
        """`storage`: further suboptions of --tpmstate."""
        self.name = name
        self.storage = storage
        self.is_tpm2 = is_tpm2
        self.uri = uri
        self.key = key
        self._original = None

    def storage_options(self, directory):
        """Keywords of Daemon."""
        state = os.path.join(directory, "state")
        if self.uri is None:
            return {"state_directory": state, "storage_options": self.storage}
        return {"storage_uri": self.uri.replace("DIR", directory),
                "storage_options": self.storage}

    def tool_options(self, directory):
        """The same place for swtpm-state."""
        options = self.storage_options(directory)
        place = (f"backend-uri={options['storage_uri']}" if self.uri
                 else f"dir={options['state_directory']}")
        return ["--tpmstate", place, *(["--tpm2"] if self.is_tpm2 else [])]

    def key_options(self, directory):
        return [part.replace("DIR", directory) for part in self.key or ()]

    def copy(self, to):
        """Fills the existing directory `to`."""
        if self._original is None:
            self._original = tempfile.mkdtemp(prefix="swtpm-cuse-fault-original.")
            atexit.register(shutil.rmtree, self._original, ignore_errors=True)
            self._fill(self._original)
        shutil.copytree(self._original, to, dirs_exist_ok=True, symlinks=True)

    def empty(self, to):
        """Makes the files of the keys, and an empty place, in `to`."""
        os.makedirs(os.path.join(to, "state"), exist_ok=True)
        for name, content in (("key", "0123456789abcdef" * 4), ("password", "a passphrase")):
            path = os.path.join(to, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
            os.chmod(path, 0o600)

    def _fill(self, directory):
        self.empty(directory)
        place = Place(self, directory)
        with place.daemon() as daemon, daemon.open() as file:
            assert Control(file).init() == SUCCESS
            client = client_for(daemon, file)
            client.startup()
            if self.is_tpm2:
                client.run(tpm2.nv_define(NV_INDEX, len(FIRST_VALUE)))
                key = client.create_primary(tpm2.ecc_storage_template())
                client.run(tpm2.evict_control(key, PERSISTENT_KEY))
            else:
                client.run(tpm12.physical_presence(tpm12.PP_CMD_ENABLE))
                client.run(tpm12.physical_presence(tpm12.PP_PRESENT))
                client.run(tpm12.nv_define(NV_INDEX_12, len(FIRST_VALUE)))
            place.write_value(client, VALUE_BEFORE)
            place.write_value(client, FIRST_VALUE)
            # An orderly end stores once more: the backup would have the value, too.
            daemon.crash()


class Place:
    """One copy."""

    def __init__(self, kind, directory, key=None):
        """`key`: options in place of the kind's."""
        self.kind = kind
        self.directory = directory
        self.key_options = kind.key_options(directory) if key is None else key
        self.acknowledged = FIRST_VALUE
        self.unanswered = set()

    def at(self, directory):
        """A copy of it there."""
        place = Place(self.kind, directory)
        place.acknowledged = self.acknowledged
        place.unanswered = set(self.unanswered)
        return place

    def daemon(self, daemon_class=Daemon, options=(), **parameters):
        return daemon_class(tpm2=self.kind.is_tpm2,
                            options=[*self.key_options, *options],
                            **self.kind.storage_options(self.directory), **parameters)

    def write_value(self, client, value):
        """Notes whether the TPM has said that it is stored."""
        self.unanswered.add(value)
        client.run(tpm2.nv_write(NV_INDEX, value) if self.kind.is_tpm2
                   else tpm12.nv_write(NV_INDEX_12, value))
        self.acknowledge(value)

    def acknowledge(self, value):
        self.acknowledged = value
        self.unanswered.clear()

    def check(self, client):
        """The TPM, after Startup, is the one that it was, and holds what was acknowledged."""
        index = NV_INDEX if self.kind.is_tpm2 else NV_INDEX_12
        value = client.nv_read(index, len(FIRST_VALUE))
        if value != self.acknowledged and value not in self.unanswered:
            raise AssertionError(f"the NV value is {value}; acknowledged {self.acknowledged}, "
                                 f"unanswered {self.unanswered or 'none'}")
        if self.kind.is_tpm2:
            client.run(tpm2.read_public(PERSISTENT_KEY))


_KEYS = ("--key", "file=DIR/key,mode=aes-256-cbc", "--migration-key", "pwdfile=DIR/password")
_STRONG_KEY = ("--key", "pwdfile=DIR/password,kdf=pbkdf2-strong,mode=aes-256-gcm")

DIR = Kind("dir")
BACKUP = Kind("backup", storage=",backup")
DIR_12 = Kind("dir-1.2", is_tpm2=False)
KEYED = Kind("keyed", key=_KEYS)
STRONG = Kind("strong", key=_STRONG_KEY)
LMDB = Kind("lmdb", uri="lmdb://DIR/lmdb?tpm=one")
FILE = Kind("file", uri="file://DIR/one")
