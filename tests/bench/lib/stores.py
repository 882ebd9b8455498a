# SPDX-License-Identifier: BSD-3-Clause
"""What a store of the TPM's state costs, durable and not, for each backend and encryption mode.

Twice: the store alone, in turn with the bare system calls that its medium needs (state_store.c),
and NV_Write at the client, beside swtpm's.
"""

import contextlib
import json
import os
import statistics
import subprocess
import tempfile

import report
import svg
import tpm2
from commands import COMMANDS
from contestants import KEY_TEXT, NV_INDEX, Ours, StoredTpm, Swtpm, make_nv_index
from daemon import PLUGINS
from fake_kernel import TOP
from measure import Command, OnProcessor, Rounds, processors, summary, turns

NAME = "stores"
TITLE = "Stores"

PROGRAM = os.path.join(TOP, "build/release/tests/bench/state_store")
BACKENDS = ["dir", "file", "lmdb"]
CALLS = ["open", "write", "sync", "close", "rename"]
SECONDS = 30

# Samples that make one round: a sync of somebody else's spoils a single one.
BLOCK = 10


def _blocks(values):
    return [values[i:i + BLOCK] for i in range(0, len(values), BLOCK)]


def _store_result(samples):
    rounds = Rounds()
    for name in ("store", "bare", "wrap"):
        for block in _blocks(samples[name]):
            rounds.add(name, block)
    calls = {name: statistics.median(samples[name]) for name in CALLS}
    return {"mode": samples["mode"], "durable": samples["durable"], "bytes": samples["bytes"],
            "first use": samples["first_use"],
            **{name: summary(samples[name]) for name in ("store", "bare", "wrap")},
            "ratio": rounds.ratio("store", "bare", "wrap"), "calls": calls}


def _measure_backend(backend, directory, count):
    done = subprocess.run([PROGRAM, PLUGINS, directory, backend, str(count)], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=600)
    return [_store_result(json.loads(line)) for line in done.stdout.splitlines()]


# ---------------------------------------------------------------------------- NV_Write at the client

def _uri(backend, directory):
    return {"dir": f"dir://{directory}/state", "file": f"file://{directory}/state/file",
            "lmdb": f"lmdb://{directory}/state?tpm=bench"}[backend]


@contextlib.contextmanager
def _ours(backend, place, storage_options, mode):
    """A daemon with an NV index, on a new state."""
    with tempfile.NamedTemporaryFile("w", suffix=".key", dir=place) as key_file:
        key_file.write(KEY_TEXT)
        key_file.flush()
        key = ["--key", f"file={key_file.name},format=hex,mode={mode}"] if mode else []
        ours = Ours(storage_uri=_uri(backend, place), storage_options=storage_options, options=key)
    try:
        make_nv_index(ours.client.transmit)
        yield ours
    finally:
        ours.close()


def _new_place(stored):
    """A directory with one for state in it: swtpm makes none."""
    place = stored.new_directory()
    os.mkdir(os.path.join(place, "state"))
    return place


def _client_cases():
    for backend in BACKENDS:
        for durable in (True, False):
            yield backend, durable, None
    yield "dir", True, "aes-256-cbc"
    yield "dir", True, "aes-256-gcm"


def _measure_clients(stored, count):
    """NV_Write of new content; the contestants take turns."""
    command = COMMANDS["NV_Write"][0]
    rounds = Rounds()
    with contextlib.ExitStack() as stack:
        everybody = {}
        for backend, durable, mode in _client_cases():
            name = f"{backend}, {'durable' if durable else 'fsync=false'}{f', {mode}' if mode else ''}"
            everybody[name] = stack.enter_context(
                _ours(backend, _new_place(stored), "" if durable else ",fsync=false", mode))
        for backend in ("dir", "file"):
            swtpm = Swtpm(storage_uri=_uri(backend, _new_place(stored)))
            stack.callback(swtpm.close)
            make_nv_index(swtpm.client.transmit)
            everybody[f"swtpm, {backend} (never synced)"] = swtpm
        for contestant in everybody.values():
            contestant.client.run(command, 2)
        for _ in turns(count, SECONDS):
            for name, contestant in everybody.items():
                rounds.add(name, contestant.client.run(command, 4)[0])
        same = Command(tpm2.nv_write(NV_INDEX, bytes(64)))
        rounds.add("dir, durable, content unchanged",
                   everybody["dir, durable"].client.run(same, 4 * count)[0][1:])
    return {name: rounds.summary(name) for name in rounds.names()}


def measure(settings):
    store_count, client_count = (10, 2) if settings.quick else (200, 40)
    with OnProcessor(processors()[0]), StoredTpm(settings.directory) as stored:
        place = stored.new_directory()
        return {"stores": {backend: _measure_backend(backend, place, store_count)
                           for backend in BACKENDS},
                "NV_Write": _measure_clients(stored, client_count)}


# ----------------------------------------------------------------------------------------- report

def _durability(result):
    return "durable" if result["durable"] else "fsync=false"


def _store_rows(results):
    for backend, figures in results["stores"].items():
        for result in figures:
            yield [f"{backend}, {_durability(result)}, {result['mode']}",
                   report.median_p99(result["store"]), result["bare"]["median"],
                   result["wrap"]["median"], report.ratio(result["ratio"])]


def _call_rows(results):
    for backend, figures in results["stores"].items():
        for result in figures:
            if result["mode"] == "none":
                rest = result["store"]["median"] - sum(result["calls"].values())
                yield [f"{backend}, {_durability(result)}",
                       *(result["calls"][name] for name in CALLS), max(rest, 0)]


def _key_rows(results):
    for result in results["stores"]["dir"]:
        if not result["durable"]:
            yield [result["mode"], f"{result['bytes']:,}", f"{result['first use'] / 1000:.2f}",
                   result["wrap"]["median"]]


def _verdict(results, backend):
    ratios = [result["ratio"] for result in results["stores"][backend] if result["durable"]]
    return f"{backend} {report.ratio(statistics.median(ratios))}"


def text(results):
    clients = [[name, report.median_p99(figures)] for name, figures in results["NV_Write"].items()]
    return "\n".join([
        "One store of a changed state of 10 KiB, in turn with the bare system calls:", "",
        report.table(["backend, durability, encryption", "store, µs", "bare calls", "encryption",
                      "to both"], _store_rows(results)), "",
        "Durable stores beside their floor, the median of all modes: "
        f"{', '.join(_verdict(results, backend) for backend in BACKENDS)} (the goals are at most "
        "1.15 × for dir and 1.20 × for lmdb).", "",
        "What a store without encryption spends its time on, µs (medians of each):", "",
        report.table(["backend", *CALLS, "the rest"], _call_rows(results)), "",
        "What the keys cost:", "",
        report.table(["encryption", "bytes stored", "first use, ms", "each store, µs"],
                     _key_rows(results)), "",
        "NV_Write of new content at the client (each of them stores the whole state):", "",
        report.table(["where it is stored", "µs"], clients)])


def plots(results):
    colours = [("open", "sky"), ("write", "orange"), ("sync", "blue"), ("close", "pink"),
               ("rename", "green"), ("the rest", "red"), ("bare calls", "grey")]
    groups = []
    for backend, figures in results["stores"].items():
        for result in figures:
            if result["mode"] == "none":
                parts = [(result["calls"][name], colour) for name, colour in colours[:5]]
                rest = result["store"]["median"] - sum(value for value, _ in parts)
                groups.append((f"{backend}, {_durability(result)}",
                               [[*parts, (max(rest, 0), "red")],
                                [(result["bare"]["median"], "grey")]]))
    return {"stores.svg": svg.bars(
        "One store of a changed state of 10 KiB",
        "Medians; above what the time goes to, below the bare system calls that the medium needs "
        "at least", "µs", colours, groups, label_width=150)}
