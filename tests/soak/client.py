# SPDX-License-Identifier: BSD-3-Clause
"""The clients of one TPM of the soak: who sends it commands, and who administers it meanwhile."""

import collections
import threading

import ptm
from carriers import LONG, SHORT, plain
from exchange import WrongAnswer
from fake_kernel import error_of
from known_tpm2 import KnownTpm2
from known_tpm12 import KnownTpm12
from ptm import Control



def must(name, result):
    if result != ptm.SUCCESS:
        raise WrongAnswer(f"{name}: TPM result {result:#x}")


class Client:
    """Sends the commands.  `life` is held while the TPM is stopped, started or moved."""

    control = staticmethod(Control)

    def __init__(self, host, version, random, ends):
        """`ends` are the ways in which its daemon may end and start anew."""
        self.host = host
        self.random = random
        self.known = (KnownTpm2 if version == 2 else KnownTpm12)(random)
        self.file = None
        self.life = threading.Lock()
        self.counts = collections.Counter()
        # What happens to the TPM while its daemon lives on, and to the daemon.
        self.events = (self._restart_tpm, self._resume_tpm, self._revive_tpm, self._move,
                       self._hash)
        self._ends = tuple(lambda how=how: self._restart_daemon(how) for how in ends)

    def count(self, what):
        self.counts[what] += 1

    # ------------------------------------------------------------------------ life

    def begin(self):
        """A new TPM."""
        self.host.start()
        self.file = self.host.open()
        self._start_tpm()
        self._carry_all(self.known.preparation())
        self._restart_tpm()

    def step(self):
        """One command."""
        if not self.known.is_amid and self.random.random() < 0.004:
            exchange, carriers = self.known.long_exchange(), LONG
        else:
            exchange, carriers = self.known.exchange(), SHORT
        carrier = self.random.choice(carriers)
        carrier(self, exchange)
        self.count(f"{exchange.name}")
        self.count(f"carried {carrier.__name__}")

    def live(self):
        """Something happens to the TPM; afterwards it is known as the same."""
        self.finish_exchange()
        with self.life:
            self.random.choice(self.events + self._ends)()
            self._carry_all(self.known.identification())

    def finish_exchange(self):
        """Sends what has to follow the last command."""
        while self.known.is_amid:
            plain(self, self.known.exchange())

    def finish(self):
        with self.life:
            self.file.close()
            self.host.end("SHUTDOWN")

    def reopen(self):
        self.file.close()
        self.file = self.host.open()

    def renew_daemon(self):
        """Another process serves the same TPM."""
        self._restart_daemon("SIGTERM")

    # ---------------------------------------------------------------------- events

    def _restart_tpm(self):
        self._stop_tpm()
        self._start_tpm()

    def _resume_tpm(self):
        """By Startup(STATE)."""
        self._carry_all(self.known.before_stop())
        self._stop_tpm()
        self._start_tpm(resume=True)

    def _revive_tpm(self):
        """From its volatile state."""
        self._call("STORE_VOLATILE")
        self._call("INIT", ptm.INIT_DELETE_VOLATILE)

    def _move(self):
        """Its blobs are taken out, and put in again after a stop."""
        control = Control(self.file)
        blobs = [(kind, *control.get_blob(kind)) for kind in (ptm.PERMANENT, ptm.VOLATILE)]
        self._stop_tpm()
        for kind, flags, blob in blobs:
            must("SET_STATEBLOB", control.set_blob(kind, flags, blob))
        self._call("INIT", ptm.INIT_DELETE_VOLATILE)
        self.count("moved by blobs")

    def _hash(self):
        data = self.random.randbytes(self.random.randint(1, 4096))
        self._call("HASH_START")
        self._call("HASH_DATA", data)
        self._call("HASH_END")
        plain(self, self.known.hashed(data))

    def _restart_daemon(self, how):
        self.file.close()
        self.host.end(how)
        self.host.start()
        self.file = self.host.open()
        self._start_tpm()
        self.count(f"daemon ended by {how}")

    # ---------------------------------------------------------------------- pieces

    def _stop_tpm(self):
        self._call("STOP")

    def _start_tpm(self, resume=False):
        self._call("INIT", ptm.INIT_DELETE_VOLATILE)
        known = self.known
        self.file.write(known.startup(known.state if resume else known.clear))
        must("Startup", int.from_bytes(self.file.read()[6:], "big"))
        known.was_reset(resume)
        self.count("resumed" if resume else "started")

    def _call(self, name, *arguments):
        must(name, Control(self.file).result(name, *arguments))
        self.count(name)

    def _carry_all(self, exchanges):
        for exchange in exchanges:
            plain(self, exchange)
            self.count(exchange.name)


class Administrator:
    """Another process, which has the device open and makes control calls."""

    def __init__(self, client, random):
        self._client = client
        self._random = random
        self.calls = (self._capability, self._config, self._buffer_size, self._information,
                      self._established, self._abandoned_blob, self._blob, self._cancel,
                      self._lock, self._locality, self._refused)
        self.counts = collections.Counter()

    def step(self):
        self.make(self._random.choice(self.calls))

    def make(self, call):
        """One of `calls`, on an open of its own."""
        with self._client.life, self._client.host.open() as file:
            call(Control(file), file)
        self.counts[f"control:{call.__name__[1:]}"] += 1

    def _capability(self, control, _):
        if control.get_capability() != 0x16FFF:
            raise WrongAnswer(f"capability {control.get_capability():#x}")

    def _config(self, control, _):
        control.get_config()

    def _buffer_size(self, control, _):
        must("SET_BUFFERSIZE", control.buffer_size()[0])

    def _information(self, control, _):
        if not control.info(1).startswith("{"):
            raise WrongAnswer("GET_INFO: not JSON")

    def _established(self, control, _):
        control.get_established()

    def _abandoned_blob(self, control, file):
        control.blob_part(self._random.choice((ptm.PERMANENT, ptm.VOLATILE)))
        file.read(self._random.randint(1, 100))

    def _blob(self, control, _):
        kind = self._random.choice((ptm.PERMANENT, ptm.VOLATILE))
        blob = control.get_blob(kind)[1]
        # The size of the header, and the total length (doc/state-format.md).
        if blob[2:4] != b"\x00\x0a" or int.from_bytes(blob[6:10], "big") != len(blob):
            raise WrongAnswer(f"blob {kind}: header {blob[:10].hex()}, {len(blob)} bytes")

    def _cancel(self, control, _):
        must("CANCEL_TPM_CMD", control.cancel())

    def _lock(self, control, _):
        must("LOCK_STORAGE", control.lock_storage())

    def _locality(self, control, _):
        must("SET_LOCALITY", control.set_locality(0))

    def _refused(self, _, file):
        if error_of(file.ioctl, ptm.ioctl_number(3, 99, 8), bytes(8)) != "EINVAL":
            raise WrongAnswer("an unknown control call was not refused")
