# SPDX-License-Identifier: BSD-3-Clause
"""From the start of the program to its first answer (GetRandom), beside swtpm's.

Both are started with startup-clear and both keep their sandbox; the time runs from just before the
process is made until the client has the response.
"""

import os
import shutil
import socket

import report
import svg
import tpm12
import tpm2
from contestants import KEY_TEXT, READY, StoredTpm
from daemon import PLUGINS, PROGRAM
from fake_kernel import FakeKernel
from measure import OnProcessor, Rounds, processors, start_device, start_socket

NAME = "start"
TITLE = "Start to first answer"

SWTPM = shutil.which("swtpm")


class Case:
    """What both start from."""

    def __init__(self, name, tpm2_version=True, fresh=False, keyed=False):
        self.name = name
        self.tpm2_version = tpm2_version
        self.fresh = fresh
        self.keyed = keyed

    @property
    def command(self):
        return tpm2.get_random(16) if self.tpm2_version else tpm12.get_random(16)

    def options(self, key_file):
        return [*(["--tpm2"] if self.tpm2_version else []), *READY,
                *(["--key", f"file={key_file},format=hex,mode=aes-256-cbc"] if self.keyed else [])]

    def times(self, quick):
        """A TPM 1.2 tests itself for a tenth of a second inside libtpms."""
        if quick:
            return 2
        return 60 if self.tpm2_version else 10


CASES = [Case("TPM 2, new", fresh=True), Case("TPM 2, stored"),
         Case("TPM 2, stored, AES-256-CBC", keyed=True),
         Case("TPM 1.2, new", tpm2_version=False, fresh=True),
         Case("TPM 1.2, stored", tpm2_version=False)]


def start_ours(case, directory, key_file):
    kernel = FakeKernel()
    try:
        return start_device(
            [PROGRAM, "--name", "bench", "--foreground", "--cuse-fd", str(kernel.server_fd),
             "--plugin-dir", PLUGINS, "--tpmstate", f"dir={directory}", "--log", "file=-",
             *case.options(key_file)], kernel, case.command)
    finally:
        kernel.close()


def start_swtpm(case, directory, key_file):
    client, server = socket.socketpair()
    with client:
        return start_socket([SWTPM, "socket", "--fd", str(server.fileno()), "--tpmstate",
                             f"dir={directory}", "--log", "file=-", *case.options(key_file)],
                            client.fileno(), server.detach(), case.command)


def measure_case(case, settings):
    rounds = Rounds()
    with StoredTpm(settings.directory, case.tpm2_version) as stored:
        key_file = os.path.join(stored.top, "key")
        with open(key_file, "w", encoding="ascii") as file:
            file.write(KEY_TEXT)
        places = {name: stored.copy() for name in ("swtpm_cuse", "swtpm")}
        for turn in range(case.times(settings.quick) + 1):
            for name, start in (("swtpm_cuse", start_ours), ("swtpm", start_swtpm)):
                # With a key a state must be encrypted from the beginning: the first round makes it.
                new = case.fresh or (case.keyed and turn == 0)
                if new:
                    places[name] = stored.new_directory()
                took = start(case, places[name], key_file)
                if turn > 0:
                    rounds.add(name, [took])
    return {**{name: rounds.summary(name) for name in places},
            "ratio to swtpm": rounds.ratio("swtpm_cuse", "swtpm")}


def measure(settings):
    with OnProcessor(processors()[0]):
        return {case.name: measure_case(case, settings) for case in CASES}


# ----------------------------------------------------------------------------------------- report

def _milliseconds(figures):
    return f"{figures['median'] / 1000:.2f} ({figures['p99'] / 1000:.2f})"


def text(results):
    rows = [[name, _milliseconds(result["swtpm_cuse"]), _milliseconds(result["swtpm"]),
             f"{result['swtpm_cuse']['minimum'] / 1000:.2f}",
             f"{result['swtpm']['minimum'] / 1000:.2f}", report.ratio(result["ratio to swtpm"])]
            for name, result in results.items()]
    return report.table(["ms, median (p99)", "swtpm_cuse", "swtpm", "minimum", "swtpm's minimum",
                         "to swtpm"], rows)


def plots(results):
    groups = [(name, [result["swtpm_cuse"]["median"] / 1000, result["swtpm"]["median"] / 1000])
              for name, result in results.items() if name.startswith("TPM 2")]
    return {"start.svg": svg.bars(
        "From the start of the program to its first answer",
        "Median; one processor, started with --flags startup-clear", "ms",
        [("swtpm_cuse", "blue"), ("swtpm socket", "orange")], groups, label_width=230)}
