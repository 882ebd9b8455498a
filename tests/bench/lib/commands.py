# SPDX-License-Identifier: BSD-3-Clause
"""What one command costs at the client, and what it would cost at least.

The floor of a command is the same client over the same channel with a server that answers at once,
plus the command inside libtpms, plus, where the command stores something, the bare system calls of
the store (without syncs: durable stores are another part).
"""

import contextlib

import report
import svg
import tpm2
from contestants import (NV_INDEX, NV_SIZE, InProcess, Ours, StoredTpm, Stub, Swtpm)
from measure import Command, OnProcessor, Rounds, bare_store, processors, turns
from ptm import CALLS, ioctl_number

NAME = "commands"
TITLE = "Commands"

SECONDS_EACH = 5

# Flushes the transient object that CreatePrimary made.
FLUSH = tpm2.flush_context(0x80000000)
NV_DATA_OFFSET = len(tpm2.nv_write(NV_INDEX, b"")) - 2

# name: (command, whether it stores something, repetitions in a round relative to a quick one)
COMMANDS = {
    "GetRandom": (Command(tpm2.get_random(16)), False, 1),
    "GetCapability": (Command(tpm2.get_capability(6, 0x100, 16)), False, 1),
    "PCR_Read": (Command(tpm2.pcr_read(10)), False, 1),
    "PCR_Extend": (Command(tpm2.pcr_extend(10, bytes(32))), False, 1),
    "Hash": (Command(tpm2.hash_data(bytes(64))), False, 1),
    "NV_Read": (Command(tpm2.nv_read(NV_INDEX, NV_SIZE)), False, 1),
    "NV_Write": (Command(tpm2.nv_write(NV_INDEX, bytes(NV_SIZE)), NV_DATA_OFFSET), True, 0.4),
    "GET_CONFIG": (Command(b"", ioctl_number=ioctl_number(*CALLS["GET_CONFIG"])), False, 1),
    "CreatePrimary ECC P-256":
        (Command(tpm2.create_primary(tpm2.ecc_storage_template()), cleanup=FLUSH), False, 0.02),
    "CreatePrimary RSA 2048":
        (Command(tpm2.create_primary(tpm2.rsa_storage_template()), cleanup=FLUSH), False, 0),
}
QUICK = [name for name, (_, _, weight) in COMMANDS.items() if weight == 1]
SWTPM_CONTROL = {"GET_CONFIG": Command((15).to_bytes(4, "big"))}


def contestants(stored, stack):
    """In the order in which they take turns."""
    made = {"in process": InProcess(stored), "stub": Stub(),
            "swtpm_cuse": Ours(stored.copy(), ",fsync=false"), "swtpm": Swtpm(stored.copy())}
    for contestant in made.values():
        stack.callback(contestant.close)
    return made


class Turns:
    """One command, run by all in turn."""

    def __init__(self, name, everybody, store):
        self.command, self.stores, _ = COMMANDS[name]
        self.swtpm_control = SWTPM_CONTROL.get(name)
        self.everybody = everybody
        self.store = store  # runs bare stores
        self.rounds = Rounds()

    def _run(self, name, count):
        contestant = self.everybody[name]
        if self.swtpm_control and name == "swtpm":
            return contestant.control_client.run(self.swtpm_control, count)
        return contestant.client.run(self.command, count)

    def prepare(self):
        """The first time is nobody's usual one; and the stub learns how much to answer."""
        for name in self.everybody:
            _, size = self._run(name, 1)
            if name == "swtpm_cuse":
                response_size = size
        if not self.command.is_control:
            self.everybody["stub"].answer_with(response_size)

    def take(self, count):
        for name in self.everybody:
            self.rounds.add(name, self._run(name, count)[0])
        if self.stores:
            self.rounds.add("store", self.store(count))

    def result(self):
        floor = ["stub", "in process", *(["store"] if self.stores else [])]
        return {**{name: self.rounds.summary(name) for name in self.rounds.names()},
                "floor": sum(self.rounds.summary(name)["median"] for name in floor),
                "ratio to floor": self.rounds.ratio("swtpm_cuse", *floor),
                "ratio to swtpm": self.rounds.ratio("swtpm_cuse", "swtpm")}


def repetitions(weight, quick):
    """(rounds, commands in each)"""
    rounds, count = (3, 10) if quick else (300, 40)
    if weight < 0.1:
        rounds = 1 if quick else (12 if weight == 0 else 60)
    return rounds, max(1, round(count * weight))


def measure_all(everybody, stored, names, plan):
    """`plan` gives the repetitions for a command's weight."""
    directory, size = stored.new_directory(), stored.permanent_size
    results = {}
    for name in names:
        command = Turns(name, everybody, lambda count: bare_store(directory, size, count))
        command.prepare()
        rounds, count = plan(COMMANDS[name][2])
        for _ in turns(rounds, SECONDS_EACH):
            command.take(count)
        results[name] = command.result()
    return results


def on_processors(settings, stored, client, server, names):
    """Servers are bound while they start, and take their threads with them."""
    with contextlib.ExitStack() as stack:
        with OnProcessor(server):
            everybody = contestants(stored, stack)
        with OnProcessor(client):
            return measure_all(everybody, stored, names,
                               lambda weight: repetitions(weight, settings.quick))


def measure(settings):
    client, other = processors()
    with StoredTpm(settings.directory) as stored:
        return {"one processor": on_processors(settings, stored, client, client, COMMANDS),
                "two processors": on_processors(settings, stored, client, other, QUICK)}


# ----------------------------------------------------------------------------------------- report

SIDES = ("stub", "in process", "swtpm_cuse", "swtpm")


def _rows(results):
    for name, result in results.items():
        yield [name, *(report.median_p99(result[side]) for side in SIDES), result["floor"],
               report.ratio(result["ratio to floor"]), report.ratio(result["ratio to swtpm"])]


def table(figures):
    return report.table(["µs, median (p99)", *SIDES, "floor", "to floor", "to swtpm"],
                        _rows(figures))


def _verdict(figures):
    most = max(QUICK, key=lambda name: figures[name]["ratio to floor"])
    return (f"Of the commands that store nothing and make no key, on one processor, {most} is "
            f"farthest from its floor: {report.ratio(figures[most]['ratio to floor'])} (the goal is "
            "at most 1.10 ×).")


def text(results):
    parts = [f"Client and server on {processors_used}:\n\n{table(figures)}"
             for processors_used, figures in results.items()]
    return "\n\n".join([*parts, _verdict(results["one processor"])])


def plots(results):
    figures = results["one processor"]
    series = [("echo", "grey"), ("in libtpms", "green"), ("swtpm_cuse", "blue"),
              ("swtpm socket", "orange")]
    groups = [(name, [[(figures[name]["stub"]["median"], "grey"),
                       (figures[name]["in process"]["median"], "green")], None,
                      figures[name]["swtpm_cuse"]["median"], figures[name]["swtpm"]["median"]])
              for name in QUICK]
    return {"commands.svg": svg.bars(
        "One command at the client",
        "Median; client and server on one processor. First bar: the floor, an echo over the same "
        "channel plus the command itself", "µs", series, groups)}
