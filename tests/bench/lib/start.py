# SPDX-License-Identifier: BSD-3-Clause
"""From the start of the program to its first answer (GetRandom), beside swtpm's.

All are started with startup-clear and keep their sandbox; the time runs from just before the process
is made until the client has the response.  A start stores the state, so it is durable or not.
"""

import os
import shutil

import first_answer
import report
import svg
from contestants import KEY_TEXT, READY, StoredTpm
from daemon import PLUGINS, PROGRAM
from measure import OnProcessor, Rounds, processors, turns

SECONDS_EACH = 15

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


class Contestant:
    """A program that is started again and again on a place of its own."""

    def __init__(self, name, storage_options=""):
        self.name = name
        self._storage_options = storage_options

    def _command(self):
        if self.name == "swtpm":
            return "socket", [SWTPM, "socket", "--server", "type=tcp,fd=@FD@"]
        return "cuse", [PROGRAM, "--name", "bench", "--foreground", "--cuse-fd", "@FD@",
                        "--plugin-dir", PLUGINS]

    def start(self, case, directory, key_file):
        """Microseconds to the first answer."""
        channel, command = self._command()
        reached = first_answer.start(
            channel, [*command, "--tpmstate", f"dir={directory}{self._storage_options}",
                      "--log", "file=-", *case.options(key_file)], case.tpm2_version)
        return reached["answered"][0] / 1000


CONTESTANTS = [Contestant("swtpm_cuse"), Contestant("swtpm_cuse, fsync=false", ",fsync=false"),
               Contestant("swtpm")]


def measure_case(case, settings):
    rounds = Rounds()
    with StoredTpm(settings.directory, case.tpm2_version) as stored:
        key_file = os.path.join(stored.top, "key")
        with open(key_file, "w", encoding="ascii") as file:
            file.write(KEY_TEXT)
        places = {contestant.name: stored.copy() for contestant in CONTESTANTS}
        for turn in turns(case.times(settings.quick) + 1, SECONDS_EACH):
            for contestant in CONTESTANTS:
                # With a key a state must be encrypted from the beginning: the first round makes it.
                if case.fresh or (case.keyed and turn == 0):
                    places[contestant.name] = stored.new_directory()
                took = contestant.start(case, places[contestant.name], key_file)
                if turn > 0:
                    rounds.add(contestant.name, [took])
    return {**{name: rounds.summary(name) for name in places},
            "ratio": rounds.ratio("swtpm_cuse", "swtpm"),
            "ratio without fsync": rounds.ratio("swtpm_cuse, fsync=false", "swtpm")}


def measure(settings):
    with OnProcessor(processors()[0]):
        return {case.name: measure_case(case, settings) for case in CASES}


# ----------------------------------------------------------------------------------------- report

def _milliseconds(figures):
    return f"{figures['median'] / 1000:.2f} ({figures['p99'] / 1000:.2f})"


def text(results):
    rows = [[name, *(_milliseconds(result[contestant.name]) for contestant in CONTESTANTS),
             report.ratio(result["ratio"]), report.ratio(result["ratio without fsync"])]
            for name, result in results.items()]
    return report.table(["ms, median (p99)", *(contestant.name for contestant in CONTESTANTS),
                         "to swtpm", "fsync=false to swtpm"], rows)


def plots(results):
    groups = [(name, [result[contestant.name]["median"] / 1000 for contestant in CONTESTANTS])
              for name, result in results.items() if name.startswith("TPM 2")]
    return {"start.svg": svg.bars(
        "From the start of the program to its first answer",
        "Median; one processor, started with --flags startup-clear; swtpm never syncs", "ms",
        [("swtpm_cuse", "blue"), ("swtpm_cuse, fsync=false", "sky"), ("swtpm socket", "orange")],
        groups, label_width=230)}
