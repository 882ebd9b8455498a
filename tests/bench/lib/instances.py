# SPDX-License-Identifier: BSD-3-Clause
"""What each instance takes, of 1, 10 and 100 that run at once with a stored TPM 2 each."""

import contextlib
import os

import report
import svg
import tpm2
from contestants import Ours, StoredTpm, Swtpm
from memory import memory_kib

NAME = "instances"
TITLE = "Memory"

FIELDS = {"Rss": "RSS", "Pss": "PSS", "Private_Dirty": "private dirty"}


def _rollup(pid):
    memory = memory_kib(pid)
    return {title: memory[field] for field, title in FIELDS.items()}


def _mappings(pid):
    """(what is mapped, private dirty KiB) of each mapping."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                name = os.path.basename(words[5]) if len(words) > 5 else "anonymous"
            elif words[0] == "Private_Dirty:":
                yield name, int(words[1])


def _dirty_by_object(pid):
    total = {}
    for name, size in _mappings(pid):
        total[name] = total.get(name, 0) + size
    return total


def _libraries(pid):
    return sum(".so" in name for name in _dirty_by_object(pid))


def _threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def _figures(instances):
    """The mean of all, and what the last one has mapped."""
    rollups = [_rollup(instance.pid) for instance in instances]
    pid = instances[-1].pid
    return {**{name: sum(each[name] for each in rollups) / len(rollups)
               for name in FIELDS.values()},
            "libraries": _libraries(pid), "threads": _threads(pid)}


def _start(make, stored, count, stack):
    instances = []
    for _ in range(count):
        instances.append(make(stored.copy()))
        stack.callback(instances[-1].close)
        instances[-1].client.transmit(tpm2.get_random(16))
    return instances


def measure(settings):
    counts = (1, 3) if settings.quick else (1, 10, 100)
    results = {"counts": counts, "by object": {}}
    for name, make in (("swtpm_cuse", Ours), ("swtpm", Swtpm)):
        results[name] = []
        for count in counts:
            with StoredTpm(settings.directory) as stored, contextlib.ExitStack() as stack:
                instances = _start(make, stored, count, stack)
                results[name].append(_figures(instances))
                results["by object"][name] = _dirty_by_object(instances[-1].pid)
    return results


# ----------------------------------------------------------------------------------------- report

def _by_object(results):
    """The largest first; what both have stands in one row."""
    ours, theirs = (results["by object"][name] for name in ("swtpm_cuse", "swtpm"))
    names = sorted({*ours, *theirs}, key=lambda name: -max(ours.get(name, 0), theirs.get(name, 0)))
    return [[name, f"{ours.get(name, 0)}", f"{theirs.get(name, 0)}"] for name in names
            if max(ours.get(name, 0), theirs.get(name, 0)) > 0]


def text(results):
    rows = [[f"{name}, {count}", *(f"{figures[field]:,.0f}" for field in FIELDS.values()),
             f"{figures['libraries']}", f"{figures['threads']}"]
            for i, count in enumerate(results["counts"])
            for name, figures in (("swtpm_cuse", results["swtpm_cuse"][i]),
                                  ("swtpm", results["swtpm"][i]))]
    last = [results[name][-1]["PSS"] for name in ("swtpm_cuse", "swtpm")]
    return "\n".join([
        report.table(["instances", "RSS, KiB", "PSS, KiB", "private dirty, KiB", "libraries",
                      "threads"], rows), "",
        f"PSS at {results['counts'][-1]} instances: {report.ratio(last[0] / last[1])} swtpm's.",
        "", "Private dirty memory by what is mapped there, KiB:", "",
        report.table(["object", "swtpm_cuse", "swtpm"], _by_object(results))])


def plots(results):
    groups = [(f"{count} instance{'s' if count > 1 else ''}",
               [results["swtpm_cuse"][i]["PSS"], results["swtpm"][i]["PSS"]])
              for i, count in enumerate(results["counts"])]
    return {"instances.svg": svg.bars(
        "Memory for each instance", "PSS: what is shared counts in equal parts; TPM 2, stored state",
        "KiB", [("swtpm_cuse", "blue"), ("swtpm socket", "orange")], groups, label_width=130)}
