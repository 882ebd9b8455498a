# SPDX-License-Identifier: BSD-3-Clause
"""The runs that are recorded, and what must be found on the disk at each point of each.

A scenario has a directory, `self.disk`, which is the whole disk as far as the model goes.  What a
disk holds is told twice: as a report of tests/power-loss/load_disks (one tuple of states for each of
`views`), and as a fact, which a real daemon that was started on it has told.
"""

import os
import re
import shutil
import subprocess

import tpm12
import tpm2
from daemon import PLUGINS, Daemon
from disk import Disk, read_tree, write_tree
from programs import PATIENCE, ours
from ptm import PERMANENT, SUCCESS, VOLATILE, Control
from recording import STRACE, NotUnderstood, Recorder
from state_keys import StateKeys
from store import Store

INDEX = 0x1500001
INDEX_12 = 0x1000
PERMANENT_NAME = "tpm2-00.permall"

# strace has to see the calls, and it is not allowed to in the sandbox.
UNCONFINED = ["--seccomp", "action=none"]

# What a TPM says of its NV index, beside the value in it.
ABSENT, NEW, DEFINED = "no TPM", "a TPM without the index", "an index without value"


class Recording:
    """Events, and after which of them which step was acknowledged."""

    def __init__(self, tree, events, acknowledged):
        self.tree = tree  # before the first event
        self.events = events
        self.acknowledged = acknowledged  # index of the event, for each step


def record(root, trace, run):
    """Calls run(), which writes strace's output to `trace`; returns the tree before, and the events.
    """
    disk = Disk(root)
    run()
    with open(trace, encoding="ascii") as lines:
        events = Recorder(disk).run(lines)
    os.remove(trace)
    check_model(disk, root)
    return disk.initial, events


def check_model(disk, root):
    """The model must have come to what really lies there."""
    modelled, real = disk.tree(set(disk.pending())), read_tree(root)
    for path in disk.mapped():
        modelled[path] = real[path]
    if modelled != real:
        raise NotUnderstood(f"the model has {describe(modelled)}, the disk {describe(real)}")


def describe(tree):
    return {path: "directory" if content is None else f"{len(content)} bytes"
            for path, content in tree.items()}


class Scenario:
    def __init__(self, name, directory):
        self.name = name
        self.directory = os.path.join(directory, re.sub(r"\W+", "-", name))
        self.disk = os.path.join(self.directory, "disk")
        os.makedirs(self.disk)
        self.keys = StateKeys(self.directory)
        self.trace = os.path.join(self.directory, "trace")

    def strace(self):
        return [*STRACE, "-o", self.trace, "--"]

    # What a scenario has of its own:

    def record(self):
        """A Recording; `self.disk` is changed."""

    def views(self, root):
        """The lines for load_disks of a disk at that place."""

    def fact(self, root, report):
        """What a real daemon says of a disk at that place.  It may change it."""

    def judge(self, acknowledged, report, fact):
        """What is wrong with a disk of that report and fact once so many steps have been
        acknowledged and no more; None if nothing is."""


def key_text(keys, kind):
    return "" if kind == "none" else keys.argument(kind)


def reported(line):
    """(permanent, volatile, saved) of a report, each a digest or None; a text of an error."""
    if not line.startswith("ok "):
        return line
    return tuple(None if word.endswith("=-") else word.split("=")[1] for word in line.split()[1:])


class TpmScenario(Scenario):
    """One daemon from the creation of its state to its end.  Each step is one call of a client, and
    after each the index has a known value, and the volatile state may have to be there."""

    first_value = ABSENT  # before the first step
    storage_options = ""  # of --tpmstate, beside the place

    def __init__(self, name, directory, uri, key="none", tpm_2=True):
        super().__init__(name, directory)
        self.uri = uri  # with {} for where the disk is
        self.key = key
        self.tpm_2 = tpm_2

    def daemon(self, root, **parameters):
        return Daemon(**{"tpm2": self.tpm_2, "storage_uri": self.uri.format(root),
                         "storage_options": self.storage_options,
                         "options": [*UNCONFINED, *self.keys.options(self.key)], **parameters})

    def recorded_daemon(self):
        return self.daemon(self.disk, wrapper=self.strace())

    def views(self, root):
        return [self.view(root)]

    def view(self, root, storage_options=""):
        version = "2" if self.tpm_2 else "1.2"
        place = f"backend-uri={self.uri.format(root)}{storage_options}"
        return f"{version}\t{place}\t{key_text(self.keys, self.key)}"

    # ------------------------------------------------------------------------ the run

    def steps(self, client, control):
        """(call, value of the index afterwards, whether the volatile state is there) of each step.
        """
        index = INDEX if self.tpm_2 else INDEX_12
        module = tpm2 if self.tpm_2 else tpm12
        yield lambda: self.must(control.init), NEW, False
        yield client.startup, NEW, False
        if not self.tpm_2:
            yield client.enable, NEW, False
        yield lambda: client.run(module.nv_define(index, 8)), DEFINED, False
        for value in range(1, 4):
            yield lambda: client.run(module.nv_write(index, number(value))), value, False
        yield lambda: self.must(control.store_volatile), 3, True
        yield lambda: client.run(module.nv_write(index, number(4))), 4, True

    @staticmethod
    def must(call, *arguments):
        result = call(*arguments)
        if result != SUCCESS:
            raise AssertionError(f"result {result:#x}")

    def record(self):
        tree, events = record(self.disk, self.trace, self.run)
        return Recording(tree, events, replies_before_marks(events))

    def run(self):
        self.values, self.volatile = [self.first_value], [False]
        daemon = self.recorded_daemon()
        with daemon, daemon.open() as file:
            control = Control(file)
            client = (tpm2.Tpm2 if self.tpm_2 else tpm12.Tpm12)(file)
            for call, value, volatile in self.steps(client, control):
                call()
                control.get_config()  # the mark
                self.values.append(value)
                self.volatile.append(volatile)
            self.must(control.shutdown)
            daemon.wait()

    # ------------------------------------------------------------------------ the judgement

    def fact(self, root, report):
        if isinstance(report[-1], str):
            return "does not load"
        if report[-1][0] is None:
            return ABSENT
        with self.daemon(root) as daemon, daemon.open() as file:
            if Control(file).init() != SUCCESS:
                return f"does not start: {daemon.log}"
            client = (tpm2.Tpm2 if self.tpm_2 else tpm12.Tpm12)(file)
            # One that goes on with its volatile state has been started already.
            client.code(tpm2.startup() if self.tpm_2 else tpm12.startup())
            return self.index_value(client)

    def index_value(self, client):
        if not self.tpm_2:
            response = client.transmit(tpm12.nv_read(INDEX_12, 8))
            if tpm12.response_code(response) != 0:
                return NEW
            value = int.from_bytes(response[14:22], "big")
            return DEFINED if value == 2**64 - 1 else value
        response = client.transmit(tpm2.nv_read(INDEX, 8))
        code = tpm2.response_code(response)
        if code == 0x14A:  # TPM_RC_NV_UNINITIALIZED
            return DEFINED
        return NEW if code != 0 else int.from_bytes(response[16:24], "big")

    def judge(self, acknowledged, report, fact):
        if isinstance(report[0], str):
            return report[0]
        allowed = self.values[acknowledged:acknowledged + 2]
        if fact not in allowed:
            return f"it holds {fact}; acknowledged is {allowed[0]}"
        if self.volatile[acknowledged] and report[0][1] is None:
            return "the volatile state, which was acknowledged, is missing"
        return None


def number(value):
    return value.to_bytes(8, "big")


def replies_before_marks(events):
    """The index of the last reply before each mark."""
    found, reply = [], None
    for index, event in enumerate(events):
        if event[0] == "reply":
            reply = index
        elif event[0] == "mark":
            found.append(reply)
    return found


class TransferScenario(TpmScenario):
    """A TPM that comes as state blobs from another, and goes on.  A blob is kept for INIT, which
    stores it."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.blobs = self.make_blobs()

    def make_blobs(self):
        with Daemon(tpm2=self.tpm_2) as daemon, daemon.open() as file:
            control, client = Control(file), tpm2.Tpm2(file)
            self.must(control.init)
            client.startup()
            client.run(tpm2.nv_define(INDEX, 8))
            client.run(tpm2.nv_write(INDEX, number(7)))
            return [control.get_blob(kind)[1] for kind in (PERMANENT, VOLATILE)]

    def steps(self, client, control):
        permanent, volatile = self.blobs
        yield lambda: self.must(control.set_blob, PERMANENT, 0, permanent), ABSENT, False
        yield lambda: self.must(control.set_blob, VOLATILE, 0, volatile), ABSENT, False
        yield lambda: self.must(control.init), 7, False
        yield lambda: client.run(tpm2.nv_write(INDEX, number(8))), 8, False


class BackupScenario(TpmScenario):
    """The same with a backup, which is never needed: the permanent state is always whole."""

    storage_options = ",backup"

    def views(self, root):
        return [self.view(root), self.view(root, self.storage_options)]

    def judge(self, acknowledged, report, fact):
        if report[1] != report[0]:
            return f"{report[0]}; with the backup {report[1]}"
        return super().judge(acknowledged, report, fact)


class FallBackScenario(BackupScenario):
    """The permanent state is damaged, its backup holds 1, and a daemon goes on from that.  Once it
    has acknowledged a write the permanent state is whole again."""

    first_value = 1
    FIRST_WRITE = 3  # of the steps that are acknowledged

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        with self.daemon(self.disk) as daemon, daemon.open() as file:
            self.must(Control(file).init)
            client = tpm2.Tpm2(file)
            client.startup()
            client.run(tpm2.nv_define(INDEX, 8))
            for value in (1, 2):
                client.run(tpm2.nv_write(INDEX, number(value)))
            daemon.crash()
        self.damage()

    def damage(self):
        with Store(self.uri.format(self.disk)) as store:
            whole = store.get(PERMANENT_NAME)
            store.put(PERMANENT_NAME, whole[:len(whole) // 2])

    def steps(self, client, control):
        yield lambda: self.must(control.init), 1, False
        yield client.startup, 1, False
        for value in range(3, 6):
            yield lambda: client.run(tpm2.nv_write(INDEX, number(value))), value, False
        yield lambda: self.must(control.store_volatile), 5, True

    def judge(self, acknowledged, report, fact):
        if acknowledged < self.FIRST_WRITE:
            return TpmScenario.judge(self, acknowledged, report[1:], fact)
        return super().judge(acknowledged, report, fact)


class ToolScenario(Scenario):
    """One run of swtpm-state on a stored TPM whose index holds 7.  Its end is the acknowledgement."""

    def __init__(self, name, directory, uri="dir://{}/state", key="none"):
        super().__init__(name, directory)
        self.uri, self.key = uri, key
        self.make_tpm(self.uri.format(self.disk), 7, key)
        os.sync()

    def make_tpm(self, uri, value, key):
        with Daemon(storage_uri=uri, options=self.keys.options(key)) as daemon:
            with daemon.open() as file:
                control, client = Control(file), tpm2.Tpm2(file)
                control.init()
                client.startup()
                client.run(tpm2.nv_define(INDEX, 8))
                client.run(tpm2.nv_write(INDEX, number(value)))
                if control.store_volatile() != SUCCESS:
                    raise AssertionError("no volatile state")

    def record(self):
        tree, events = record(self.disk, self.trace, self.run)
        events.append(("reply",))
        return Recording(tree, events, [len(events) - 1])

    def run(self):
        done = subprocess.run([*self.strace(), ours("swtpm-state"), *self.arguments()],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())

    def common(self, root):
        return ["--plugin-dir", PLUGINS, "--tpm2",
                "--tpmstate", f"backend-uri={self.uri.format(root)}"]

    def view(self, root, uri, key):
        return f"2\tbackend-uri={uri.format(root)}\t{key_text(self.keys, key)}"

    def value_at(self, root, uri, key):
        """What a daemon on that store says of the index."""
        with Daemon(storage_uri=uri.format(root), options=self.keys.options(key)) as daemon:
            with daemon.open() as file:
                if Control(file).init() != SUCCESS:
                    return f"does not start: {daemon.log}"
                return TpmScenario.index_value(self, tpm2.Tpm2(file))

    tpm_2 = True  # for TpmScenario.index_value


class RekeyScenario(ToolScenario):
    """All values have the old key or all the new one; once it has ended, the new one."""

    def __init__(self, name, directory, uri, old, new):
        super().__init__(name, directory, uri, old)
        self.new = new

    def arguments(self):
        new = key_text(self.keys, self.new) or "none"
        return ["rekey", *self.common(self.disk), *self.keys.options(self.key), "--new-key", new]

    def views(self, root):
        return [self.view(root, self.uri, key) for key in (self.key, self.new)]

    def fact(self, root, report):
        opens = [key for key, states in zip((self.key, self.new), report)
                 if not isinstance(states, str)]
        return self.value_at(root, self.uri, opens[0]) if len(opens) == 1 else None

    def judge(self, acknowledged, report, fact):
        old, new = (not isinstance(states, str) for states in report)
        if old == new or (acknowledged and old):
            return f"old key: {report[0]}; new key: {report[1]}"
        states = report[0] if old else report[1]
        if None in states[:2]:
            return f"a state is missing: {states}"
        return None if fact == 7 else f"it holds {fact}"


class FinishScenario(RekeyScenario):
    """Power is lost as soon as the new key is decided on, and once more while what is left to do is
    done by the next user: it stays decided."""

    def record(self):
        self.interrupt(super().record())
        return super().record()

    def interrupt(self, recording):
        """Makes `self.disk` what it was when first the new key opened it."""
        disk = Disk(self.disk, recording.tree)
        for event in recording.events:
            disk.apply(event)
            if event[0] == "sync" and self.is_decided(disk.tree(set())):
                break
        shutil.rmtree(self.disk)
        write_tree(self.disk, disk.tree(set()))
        self.arguments = lambda: self.verify(self.disk)

    def is_decided(self, tree):
        place = os.path.join(self.directory, "tried")
        write_tree(place, tree)
        done = subprocess.run([ours("swtpm-state"), *self.verify(place)], capture_output=True)
        shutil.rmtree(place)
        return done.returncode == 0

    def verify(self, root):
        return ["verify", *self.common(root), *self.keys.options(self.new)]

    def judge(self, acknowledged, report, fact):
        return super().judge(1, report, fact)


class CopyScenario(ToolScenario):
    """The copy is whole or is not there; once it has ended, whole.  The original stays."""

    def __init__(self, name, directory, uri, to, key="none"):
        super().__init__(name, directory, uri, key)
        self.to = to

    def arguments(self):
        return ["copy", *self.common(self.disk), *self.keys.options(self.key),
                "--to", f"backend-uri={self.to.format(self.disk)}"]

    def views(self, root):
        return [self.view(root, uri, self.key) for uri in (self.uri, self.to)]

    def fact(self, root, report):
        if isinstance(report[1], str) or report[1][0] is None:
            return None
        return self.value_at(root, self.to, self.key)

    def judge(self, acknowledged, report, fact):
        original, copy = report
        if isinstance(original, str) or isinstance(copy, str) or None in original[:2]:
            return f"original: {original}; copy: {copy}"
        if copy == (None, None, None) and not acknowledged:
            return None
        return None if copy == original and fact == 7 else f"a part: {copy}, which holds {fact}"


class ImportScenario(ToolScenario):
    """Another TPM, whose index holds 9, takes the place of what is there: all of the old or all of
    the new; once it has ended, the new."""

    def arguments(self):
        blobs = []
        other = os.path.join(self.directory, "other")
        self.make_tpm(f"dir://{other}", 9, "none")
        for name in ("permanent", "volatile"):
            blobs += [f"--{name}", os.path.join(self.directory, f"{name}.blob")]
        subprocess.run([ours("swtpm-state"), "export", "--plugin-dir", PLUGINS, "--tpm2",
                        "--tpmstate", f"dir={other}", *blobs], check=True)
        return ["import", *self.common(self.disk), *self.keys.options(self.key), "--replace", *blobs]

    def views(self, root):
        return [self.view(root, self.uri, self.key)]

    def fact(self, root, report):
        return None if isinstance(report[0], str) else self.value_at(root, self.uri, self.key)

    def judge(self, acknowledged, report, fact):
        if isinstance(report[0], str) or None in report[0][:2]:
            return f"{report[0]}"
        allowed = (9,) if acknowledged else (7, 9)
        return None if fact in allowed else f"it holds {fact}"


# ------------------------------------------------------------------------------------ all of them

PLACES = {
    "dir": "dir://{}/state",
    "file": "file://{}/state",
    "lmdb": "lmdb://{}/state?tpm=vm1",
}


def every(directory):
    """Name: function that makes the scenario."""
    found = {}
    for plugin, uri in PLACES.items():
        for key in ("none", "raw128", "gcm"):
            found[f"tpm2 {plugin} {key}"] = (TpmScenario, uri, key)
        found[f"tpm1.2 {plugin}"] = (TpmScenario, uri, "none", False)
        found[f"backup {plugin}"] = (BackupScenario, uri, "raw128")
        found[f"fall back {plugin}"] = (FallBackScenario, uri, "gcm")
        found[f"transfer {plugin}"] = (TransferScenario, uri, "raw256")
        found[f"rekey {plugin}"] = (RekeyScenario, uri, "raw128", "gcm")
        found[f"finish {plugin}"] = (FinishScenario, uri, "raw128", "gcm")
        found[f"import {plugin}"] = (ImportScenario, uri)
    found["backup tpm1.2"] = (BackupScenario, PLACES["dir"], "none", False)
    found["copy dir to lmdb"] = (CopyScenario, PLACES["dir"], "lmdb://{}/copy?tpm=vm1")
    found["copy lmdb to file"] = (CopyScenario, PLACES["lmdb"], "file://{}/copy", "gcm")
    found["copy file to dir"] = (CopyScenario, PLACES["file"], "dir://{}/copy")
    return {name: (lambda name=name, maker=maker, rest=rest: maker(name, directory, *rest))
            for name, (maker, *rest) in found.items()}
