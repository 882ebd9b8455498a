# SPDX-License-Identifier: BSD-3-Clause
"""What the daemon and swtpm-state do while one of their calls fails."""

import os

import ptm
import tpm12
import tpm2
from ptm import DECRYPTED, PERMANENT, SAVESTATE, VOLATILE
from tpm_place import BACKUP, DIR, DIR_12, FILE, KEYED, LMDB, STRONG

SCENARIOS = {}

# From main() until the device is there; while the client does something; from there to the end.
START, ACTION, END = "start", "action", "end"
# The whole run of swtpm-state.
TOOL = "tool"

_STARTED = ("--flags", "startup-clear")


class Scenario:
    """`prepare` leads, without faults, to what `act` does; both take a Session."""

    def __init__(self, name, kind, window, options=(), prepare=None, act=None, **parameters):
        self.name = name
        self.kind = kind
        self.window = window
        self.options = options
        self.prepare = prepare or _nothing
        self.act = act or _nothing
        self.is_new = parameters.pop("is_new", False)  # there is no state yet
        self.changes = parameters.pop("changes", False)  # `act` changes what is stored
        self.again = parameters.pop("again", _nothing)  # what the same process can do afterwards
        self.tool = parameters.pop("tool", None)
        self.parameters = parameters
        SCENARIOS[name] = self

    def skip_reason(self):
        if "--runas" in self.options and os.geteuid() != 0:
            return "only root can become another user"
        return None


class Session:
    """The client's side of one run."""

    def __init__(self, place, daemon):
        self.place = place
        self.daemon = daemon
        self.file = None
        self.control = None
        self.client = None
        self.memory = {}  # from prepare to act

    def open(self):
        self.file = self.daemon.open()
        self.control = ptm.Control(self.file)
        self.client = (tpm2.Tpm2 if self.place.kind.is_tpm2 else tpm12.Tpm12)(self.file)

    def must(self, result):
        if result != ptm.SUCCESS:
            raise ptm.ControlError("control call", result)

    def run_tpm(self):
        self.must(self.control.init())
        self.client.startup()

    def write(self, value):
        self.place.write_value(self.client, value)


def _nothing(_session):
    pass


def _running(session):
    session.open()
    session.run_tpm()


def _initialised(session):
    session.open()
    session.must(session.control.init())


# -------------------------------------------------------------------------------------- start

def _start(name, kind, *options, **parameters):
    Scenario(name, kind, START, [*_STARTED, *options], **parameters)


_start("start", DIR, "--pcap", "file=DIR/capture,checksums")
_start("start-new", DIR, is_new=True)
_start("start-new-keyed", KEYED, is_new=True)
_start("start-new-lmdb", LMDB, is_new=True)
_start("start-new-file", FILE, is_new=True)
_start("start-new-1.2", DIR_12, is_new=True)
_start("start-background", DIR, background=True)
_start("start-as-another", DIR, "--runas", "nobody")
_start("start-keyed", KEYED)
_start("start-strong", STRONG)
_start("start-lmdb", LMDB)
_start("start-file", FILE)
_start("start-1.2", DIR_12)
_start("start-backup", BACKUP)
_start("start-seccomp-log", DIR, "--seccomp", "action=log")


# ------------------------------------------------------------------------------ control calls

def _call(name, act, kind=DIR, prepare=_running, options=(), **parameters):
    Scenario(name, kind, ACTION, options, prepare, act, **parameters)


def _quick_calls(session):
    control = session.control
    control.get_capability()
    control.get_config()
    session.must(control.set_locality(0))
    control.get_established()
    control.buffer_size()
    session.must(control.cancel())
    session.must(control.lock_storage())


def _hash(session):
    session.must(session.control.hash_start())
    session.must(session.control.hash_data(b"firmware"))
    session.must(session.control.hash_end())


def _unsupported(session):
    """SET_DATAFD belongs to socket transports."""
    try:
        session.control.call("SET_DATAFD")
    except OSError as error:
        if error.errno != 22:
            raise
        return
    raise AssertionError("SET_DATAFD succeeded")


def _get_blob(session, kind, flags=DECRYPTED):
    return session.control.get_blob(kind, flags)[1]


def _get_blobs(session):
    for kind in (PERMANENT, VOLATILE):
        if not _get_blob(session, kind):
            raise AssertionError(f"the blob {kind} is empty")


def _have_blobs(session):
    """Blobs of this TPM with another value, and the TPM stopped with its own."""
    _running(session)
    session.write(b"value 02")
    for kind in (PERMANENT, VOLATILE):
        session.memory[kind] = _get_blob(session, kind)
    session.write(b"value 01")
    session.must(session.control.stop())


def _set_blobs(session):
    # Whatever is answered: libtpms may have the blobs, and the storage gets them with INIT.
    session.place.unanswered.add(b"value 02")
    for kind in (PERMANENT, VOLATILE):
        session.must(session.control.set_blob(kind, 0, session.memory[kind]))
    session.must(session.control.init())
    session.place.acknowledge(b"value 02")


def _save_state(session):
    session.client.run(tpm12.save_state())
    _get_blob(session, SAVESTATE)


def _stop_and_init(session):
    session.must(session.control.stop())
    session.run_tpm()


def _new_open(session):
    with session.daemon.open() as file:
        ptm.Control(file).get_config()


def _log_anew(session):
    """SIGHUP: the log is opened again."""
    os.rename(session.daemon.log_path, session.daemon.log_path + ".1")
    session.daemon.signal(1)
    # Answered only after the signal was.
    session.control.get_config()
    session.control.get_config()


_call("quick-calls", _quick_calls)
_call("unsupported-call", _unsupported)
_call("init", lambda session: session.must(session.control.init()),
      prepare=lambda session: session.open())
_call("init-keyed", lambda session: session.must(session.control.init()), KEYED,
      prepare=lambda session: session.open())
_call("init-1.2", lambda session: session.must(session.control.init()), DIR_12,
      prepare=lambda session: session.open())
_call("init-delete-volatile", lambda session: session.must(session.control.init(1)),
      prepare=lambda session: (_running(session), session.must(session.control.store_volatile())))
_call("init-locks", lambda session: session.must(session.control.init()),
      options=("--migration", "incoming"), prepare=lambda session: session.open())
_call("lock-storage", lambda session: session.must(session.control.lock_storage()),
      options=("--migration", "incoming"), prepare=lambda session: session.open())
_call("startup", lambda session: session.client.startup(), prepare=_initialised, changes=True)
_call("stop-and-init", _stop_and_init, changes=True)
_call("stop-and-init-lmdb", _stop_and_init, LMDB, changes=True)
_call("store-volatile", lambda session: session.must(session.control.store_volatile()),
      changes=True)
_call("store-volatile-keyed", lambda session: session.must(session.control.store_volatile()),
      KEYED, changes=True)
_call("hash", _hash)
_call("reset-established", lambda session: session.must(session.control.reset_established(3)))
_call("get-info", lambda session: session.control.info(1 | 2 | 4 | 8 | 16))
_call("get-blobs", _get_blobs, changes=True)
_call("get-blobs-keyed", _get_blobs, KEYED, changes=True)
_call("set-blobs", _set_blobs, prepare=_have_blobs, changes=True)
_call("set-blobs-keyed", _set_blobs, KEYED, prepare=_have_blobs, changes=True)
_call("save-state-1.2", _save_state, DIR_12, changes=True)
_call("open", _new_open)
_call("log-anew", _log_anew)


# ----------------------------------------------------------------------------------- commands

def _write_values(session):
    session.write(b"value 01")
    session.write(b"value 02")


def _make_key(session):
    """On the worker; it follows from the hierarchy's seed, and is the same each time."""
    handle = session.client.create_primary(tpm2.ecc_storage_template())
    public = session.client.run(tpm2.read_public(handle))
    if session.memory.setdefault("public", public) != public:
        raise AssertionError("the same command has made another key")


def _make_key_and_cancel(session):
    session.file.write(tpm2.slow_command(b"cancelled", 2048))
    read = session.file.submit_read()
    session.must(session.control.cancel())
    tpm2.response_code(read.wait())


def _migrate(session):
    """With release-lock-outgoing the lock goes with the blobs, and comes back with a command."""
    for kind in (PERMANENT, VOLATILE, SAVESTATE):
        try:
            _get_blob(session, kind)
        except ptm.ControlError:
            if kind != SAVESTATE:
                raise
    session.write(b"value 01")


_call("random", lambda session: session.client.get_random(16))
_call("write", _write_values, changes=True)
_call("write-captured", _write_values, options=("--pcap", "file=DIR/capture"), changes=True)
_call("write-backup", _write_values, BACKUP, changes=True)
_call("write-background", _write_values, changes=True, background=True)
_call("write-keyed", _write_values, KEYED, changes=True)
_call("write-strong", _write_values, STRONG, changes=True)
_call("write-lmdb", _write_values, LMDB, changes=True)
_call("write-file", _write_values, FILE, changes=True)
_call("write-1.2", _write_values, DIR_12, changes=True)
_call("make-key", _make_key, again=_make_key)
_call("cancel", _make_key_and_cancel)
_call("migrate", _migrate, options=("--migration", "release-lock-outgoing"), changes=True)


# ---------------------------------------------------------------------------------------- end

def _end(name, act, kind=DIR, **parameters):
    Scenario(name, kind, END, (), lambda session: (_running(session), session.write(b"value 01")),
             act, changes=True, **parameters)


def _shut_down(session):
    session.must(session.control.shutdown())


def _terminate(session):
    session.daemon.signal(15)


def _hang_up(session):
    session.daemon.kernel.hang_up()


_end("shutdown", _shut_down)
_end("shutdown-keyed", _shut_down, KEYED)
_end("shutdown-lmdb", _shut_down, LMDB)
_end("shutdown-file", _shut_down, FILE)
_end("shutdown-1.2", _shut_down, DIR_12)
_end("terminate", _terminate)
_end("terminate-background", _terminate, background=True)
_end("hang-up", _hang_up)


# -------------------------------------------------------------------------------- swtpm-state

def _tool(command, kind, *options, new_key=(), copied_to=None):
    """`new_key`: what the state may be encrypted with afterwards, and has to be if the tool says
    so.  `copied_to`: where the TPM has to be, too, if the tool says so."""
    Scenario(f"tool-{command}-{kind.name}", kind, TOOL, (command, *options),
             tool={"new_key": new_key, "copied_to": copied_to})


_tool("list", KEYED)
_tool("verify", KEYED)
_tool("verify", LMDB)
_tool("rekey", DIR, "--new-key", "file=DIR/key,mode=aes-256-gcm",
      new_key=("--key", "file=DIR/key,mode=aes-256-gcm"))
_tool("rekey", LMDB, "--new-key", "file=DIR/key,mode=aes-256-gcm",
      new_key=("--key", "file=DIR/key,mode=aes-256-gcm"))
_tool("rekey", KEYED, "--new-key", "none", new_key=())
_tool("export", DIR, "--permanent", "DIR/blob")
_tool("import", DIR, "--permanent", "DIR/exported", "--replace")
_tool("copy", DIR, "--to", "dir=DIR/copy", copied_to="dir")
_tool("copy", FILE, "--to", "backend-uri=lmdb://DIR/lmdb?tpm=one", copied_to="lmdb")
