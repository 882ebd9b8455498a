# SPDX-License-Identifier: BSD-3-Clause
"""That a start and a store do no more than they have to: libraries, files, system calls."""

import os
import re

import strace
import tpm2
from memory import await_idle, memory_at_rest_kib
from ptm import SUCCESS, Control
from store import STORAGE
from tpm_test import TpmTest, client_for

# What every TPM needs, whatever the options.
LIBRARIES = {"ld-linux", "libc", "libcrypto", "libfuse3", "libseccomp", "libtpms"}

# Calls that fail at a start, with who makes them.
EXPECTED_FAILURES = (
    r'access\("/etc/ld.so.preload".* ENOENT',          # the dynamic linker
    r"readlink\(.* EINVAL",                            # realpath: no link
    r'openat\(\d+, "tpm2-00.(volatilestate|savestate)".* ENOENT',  # libtpms asks for both
    r"prctl\(PR_CAPBSET_DROP, .* EINVAL",              # the capability after the last
    r"prctl\(PR_CAPBSET_DROP, .* EPERM",               # whoever is not root has none to drop
    r'openat\(\d+, "log".* ENOENT',                    # whether the log is new, and gets a mode
    r'newfstatat\(\d+, "pid".* ENOENT',                # whether the pid file may be made
)

_FAILED = re.compile(r"^\d+ +(\w+\(.*\) += -1 E.*)")


def is_for(variant):
    if STORAGE != "dir":
        return f"STORAGE={STORAGE}: it looks at files of the backend dir"
    return strace.reason_against(variant)


def mapped_libraries(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        names = {os.path.basename(line.split()[5]) for line in maps if ".so" in line}
    return {re.match(r"ld-linux|[a-z0-9]+(-[a-z]+)*", name)[0] for name in names}


class Libraries(TpmTest):
    def libraries(self, **parameters):
        daemon, _, _ = self.start_running(**parameters)
        return mapped_libraries(daemon.pid)

    def test_without_a_key_there_is_no_crypto_plugin(self):
        self.assertEqual(self.libraries(), LIBRARIES | {"storage-dir"})

    def test_a_key_brings_gnutls(self):
        libraries = self.libraries(options=["--key", f"file={self.key_file()},format=hex"])
        self.assertTrue({"crypto-gnutls", "libgnutls"} <= libraries, libraries)

    def test_lmdb_comes_with_its_plugin_only(self):
        uri = f"lmdb://{self.directory()}/environment?tpm=a"
        # Debian's liblmdb still names libpthread, which is empty by now.
        self.assertEqual(self.libraries(storage_uri=uri) - {"libpthread"},
                         LIBRARIES | {"storage-lmdb", "liblmdb"})


class Memory(TpmTest):
    """Of a TPM that has its state from a store, as nearly all have."""

    def memory(self, state, by_option):
        options = ["--flags", "startup-clear"] if by_option else []
        daemon = self.start(state_directory=state, options=options)
        file = daemon.open()
        client = client_for(daemon, file)
        if not by_option:
            self.assertEqual(Control(file).init(), SUCCESS)
            # Startup at once might take memory that INIT was about to give back.
            await_idle(daemon.pid)
            client.startup()
        client.run(tpm2.get_random(16))
        # What it shares with no other process and with no file.
        memory = memory_at_rest_kib(daemon.pid)["Anonymous"]
        file.close()
        daemon.shut_down()
        return memory

    def test_openssl_makes_no_generators_of_random_bytes(self):
        state = os.path.join(self.directory(), "state")
        self.memory(state, by_option=True)
        # 700 in all, of which 404 are libcrypto's relocated tables.  The generators take 190.
        self.assertLess(self.memory(state, by_option=True), 800)

    def test_init_by_a_client_costs_no_second_heap(self):
        state = os.path.join(self.directory(), "state")
        self.memory(state, by_option=True)
        # A second one has 140.
        self.assertLess(self.memory(state, by_option=False), self.memory(state, by_option=True) + 60)


class SystemCalls(strace.StraceTest):
    def stored_state(self):
        directory = os.path.join(self.directory(), "state")
        daemon, _, _ = self.start_running(state_directory=directory)
        daemon.shut_down()
        return directory

    def test_a_start_reads_the_permanent_state_once(self):
        *_, lines = self.start_traced("openat", state_directory=self.stored_state())
        reads = [line for line in lines() if '"tpm2-00.permall"' in line and "O_RDONLY" in line]
        self.assertEqual(len(reads), 1, reads)

    def test_no_call_of_a_start_fails_but_those_of_libraries(self):
        *_, lines = self.start_traced("all", state_directory=self.stored_state())
        failed = [match[1] for match in map(_FAILED.match, lines()) if match]
        unexpected = [call for call in failed
                      if not any(re.match(pattern, call) for pattern in EXPECTED_FAILURES)]
        self.assertGreater(len(failed), 0)
        self.assertEqual(unexpected, [])

    def test_what_is_stored_already_is_not_stored_again(self):
        *_, client, lines = self.start_traced("renameat")

        def stores_of(clear_is_disabled):
            before = len(lines())
            client.run(tpm2.clear_control(clear_is_disabled))
            return len(lines()) - before
        stores_of(True)
        self.assertEqual(stores_of(False), 1)
        # libtpms stores once more what it has stored.
        self.assertEqual(stores_of(False), 0)
