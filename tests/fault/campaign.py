# SPDX-License-Identifier: BSD-3-Clause
"""One scenario with one fault, and what must hold then."""

import errno
import functools
import os
import pwd
import shutil
import signal
import tempfile
import traceback

import ptm
import tpm12
import tpm2
from faulty_daemon import FaultyDaemon, Hang
from injector import Injector, Point, faults_of
from scenarios import ACTION, END, START, TOOL, Session
from tool_run import ToolRun
from tpm_place import VALUE_BEFORE, Place

# With these a call has not failed: whoever makes it has to make it again, or to go on with the
# rest.
_INVISIBLE = {"EINTR", "short"}
_REPEATABLE = {"open", "read", "write", "sync", "truncate", "duplicate", "close", "poll", "fcntl"}

# These may die of an allocation of their own that fails; what they say of it when others do.
_FRAGILE_LIBRARIES = ("libtpms.", "libcrypto.", "libseccomp.")
_LAST_WORDS = {"libtpms.": "SEGV on unknown address", "libcrypto.": "SEGV on unknown address",
               "libseccomp.": "SEGV on unknown address",
               "libgnutls.": "LeakSanitizer: detected memory leaks",
               "ld-linux": "cannot allocate memory for thread-local data",
               "libc.": "AddressSanitizer: CHECK failed"}

# A plugin that says so is believed, and rightly: a new TPM is made.
_LIES = {("storage.get", "NOT_FOUND")}


class Result:
    """What one run has shown."""

    def __init__(self):
        self.counts = {}
        self.stacks = {}
        self.filter = 0
        self.struck = False
        self.spared = False
        self.caller = ""
        self.died_in = None  # the library, whose allocation it was
        self.heard = None  # the error that the client, or who started the daemon, got
        self.problems = []
        self.report = ""

    def blame(self, text):
        self.problems.append(text)


def points_of(counts):
    """Each fault of each call that was counted."""
    return [Point(name, number, fault) for name, count in counts.items()
            for number in range(1, count + 1) for fault in faults_of(name)
            if (name, fault.name) not in _LIES]


def run(scenario, point=None):
    """The Result of one run; without a point its counts say which points there are."""
    directory = tempfile.mkdtemp(prefix="swtpm-cuse-fault.")
    try:
        kind = _ToolRun if scenario.window == TOOL else _Run
        return _finished(kind(scenario, point, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@functools.cache
def _whole_filter(scenario):
    """The hash of the system call filter of a start without a fault."""
    return run(scenario).filter


def _finished(run_of_point):
    """Its Result.  What nobody thought of is a failure of that point, and not the campaign's end."""
    try:
        run_of_point.run()
    except Exception:
        run_of_point.result.blame(f"the campaign cannot judge it:\n{traceback.format_exc()}")
    return run_of_point.result


class _AnyRun:
    """What the daemon and the tool have in common."""

    def __init__(self, scenario, point):
        self.scenario = scenario
        self.point = point
        self.result = Result()
        self.user = []
        self.injector = None

    def _note_injection(self):
        self.result.counts = self.injector.counts()
        self.result.stacks = self.injector.stacks()
        self.result.filter = self.injector.filter
        self.result.struck = self.injector.struck
        self.result.spared = self.injector.spared
        self.result.caller = self.injector.caller

    def _is_invisible(self):
        """Other libraries may take an interrupted call for a failed one: LMDB does."""
        caller = os.path.basename(self.injector.caller)
        is_ours = caller.startswith("libc.") or not caller.startswith("lib")
        return (self.point is not None and self.point.fault.name in _INVISIBLE and
                self.point.name in _REPEATABLE and is_ours)

    def _dies_in_library(self, code, text):
        """Some libraries do not survive each allocation of theirs that fails (doc/reliability.md);
        what was acknowledged has to, all the same."""
        caller = os.path.basename(self.injector.caller)
        # getpwnam(3) for --runas is an abort of libc's own.
        fragile = _FRAGILE_LIBRARIES + (("libc.",) if "--runas" in self.scenario.options else ())
        if self.point is None or not self.point.name.endswith("memory"):
            return False
        words = [words for name, words in _LAST_WORDS.items() if caller.startswith(name)]
        if (code < 0 and caller.startswith(fragile)) or any(said in text for said in words):
            self.result.died_in = caller.partition(".")[0]
        return self.result.died_in is not None

    def _hangs_in_library(self):
        """seccomp_load(3) does not end after some allocations of its own that fail."""
        if self.injector.has_starved("libseccomp."):
            self.result.died_in = "libseccomp"
        return self.result.died_in is not None

    def _check_failure(self, code, text):
        """What was started has failed, before it did anything for anybody."""
        self.result.heard = f"exit code {code}"
        if not self.injector.struck:
            self.result.blame(f"fails without a fault: exit code {code}")
        elif self._is_invisible():
            self.result.blame(f"fails because of {self.point.fault.name}")
        if self._dies_in_library(code, text):
            return
        # Only a wrong command line names a descriptor that is not open.
        names_bad_descriptor = code == 2 and self.point and self.point.fault.name == "EBADF"
        if code != 1 and not names_bad_descriptor:
            self.result.blame(f"exit code {code}")
        program = "swtpm-state: " if self.scenario.window == TOOL else "swtpm_cuse: "
        if not any(line.startswith(program) for line in text.splitlines()):
            self.result.blame("no message on standard error")

    def _check_stored(self, place):
        """A new process finds the TPM that was there, with all that was acknowledged."""
        daemon = place.daemon(FaultyDaemon, self.user)
        try:
            if not daemon.start_or_end():
                self.result.blame(f"the next start fails: {daemon.report}")
                return
            session = Session(place, daemon)
            session.open()
            self._check_tpm(session)
            self.scenario.again(session)
        except Hang as hang:
            self.result.blame(f"after the fault, a new process hangs: {hang}\n{daemon.report}")
        except (OSError, ptm.ControlError, tpm2.TpmError, tpm12.TpmError, AssertionError) as error:
            self.result.blame(f"after the fault, in a new process: {error}\n{daemon.report}")
        finally:
            daemon.discard()

    def _check_tpm(self, session):
        session.must(session.control.init())
        # A TPM that resumes from its volatile state was started before.
        code = session.client.code(tpm2.startup() if self.scenario.kind.is_tpm2
                                   else tpm12.startup())
        if code not in (ptm.SUCCESS, tpm2.RC_INITIALIZE, tpm12.TPM_INVALID_POSTINIT):
            raise AssertionError(f"Startup: result {code:#x}")
        session.client.get_random(8)
        if not self.scenario.is_new:
            session.place.check(session.client)


class _ToolRun(_AnyRun):
    def __init__(self, scenario, point, directory):
        super().__init__(scenario, point)
        self.tool = ToolRun(scenario, point, directory, self.result)
        self.injector = self.tool.injector

    def run(self):
        code = self.tool.run()
        self._note_injection()
        if code is not None and code != 0:
            self._check_failure(code, self.result.report)
        for place in self.tool.places(code):
            self._check_stored(place)


class _Run(_AnyRun):
    def __init__(self, scenario, point, directory):
        super().__init__(scenario, point)
        self.place = Place(scenario.kind, directory)
        self._fill(directory)
        options = [option.replace("DIR", directory) for option in scenario.options]
        self.user = ["--runas", "nobody"] if "--runas" in options else []
        self.daemon = self.place.daemon(FaultyDaemon, options, **scenario.parameters)
        self.injector = Injector(directory, point, from_main=scenario.window == START)
        self.daemon.inject(self.injector)

    def _fill(self, directory):
        if self.scenario.is_new:
            self.scenario.kind.empty(directory)
        else:
            self.scenario.kind.copy(directory)
        if "--runas" in self.scenario.options:
            user = pwd.getpwnam("nobody")
            os.chmod(directory, 0o755)
            for path, _, names in os.walk(os.path.join(directory, "state")):
                for name in [".", *names]:
                    os.chown(os.path.join(path, name), user.pw_uid, user.pw_gid)

    def run(self):
        try:
            self._run_daemon()
        except Hang as hang:
            if not self._hangs_in_library():
                self.result.blame(f"hangs: {hang}")
        finally:
            self._note_injection()
            self.daemon.discard()
            self.result.report = self.daemon.said
        self._check_stored(self.place)

    # ------------------------------------------------------------------- the faulty daemon

    def _run_daemon(self):
        if not self.daemon.start_or_end():
            self._check_failure(self.daemon.exit_code,
                                self.daemon.stderr + self.daemon.sanitizer_reports)
            return
        self.injector.end()
        self._check_filter()
        self._allow_backup()
        session = Session(self.place, self.daemon)
        if self.scenario.window != START:
            self._act(session)
        if self.scenario.window == ACTION and self.scenario.changes:
            self._check_stored_by_now()
        if self.scenario.window == END:
            # Who was told that there will be no end has to ask again.
            if self.result.heard is not None and self.daemon.is_alive():
                self.daemon.signal(signal.SIGTERM)
            code = self.daemon.wait_end()
            self.injector.end()
            self._check_end(code)
            if code == 1 and self.result.heard is None:
                self.result.heard = "exit code 1"
        elif not self._is_fenced():
            self._check_recovery(session)
        self._check_heard()
        self._close()

    def _act(self, session):
        self.scenario.prepare(session)
        self.injector.begin()
        try:
            self.scenario.act(session)
        except TimeoutError as error:
            raise Hang("a call of the client is not answered") from error
        except (OSError, ptm.ControlError, tpm2.TpmError, tpm12.TpmError) as error:
            self.result.heard = error
        except AssertionError as error:
            self.result.blame(str(error))
        finally:
            if self.scenario.window == ACTION:
                self.injector.end()

    def _check_stored_by_now(self):
        """As _check_stored, on a copy: what the daemon goes on to store would hide what it has
        not."""
        directory = tempfile.mkdtemp(prefix="swtpm-cuse-fault.")
        try:
            with self.daemon.held():
                shutil.copytree(self.place.directory, directory, dirs_exist_ok=True,
                                symlinks=True)
            self._check_stored(self.place.at(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _close(self):
        """The protocol was kept, and a sanitizer has nothing to say."""
        if self.result.died_in is not None:
            return
        try:
            self.daemon.close()
        except AssertionError as error:
            self.result.blame(str(error))

    # --------------------------------------------------------------------------- judgement

    def _is_fenced(self):
        """The state is somebody else's now: this process must not go on."""
        return self.point is not None and self.point.fault.name == "FENCED" and self.injector.struck

    def _allow_backup(self):
        """A plugin that calls the state damaged is believed: the TPM goes back, and says so."""
        if self.point is not None and self.point.fault.name == "CORRUPT" and \
                "using the backup" in self.daemon.log:
            self.place.unanswered.add(VALUE_BEFORE)

    def _check_filter(self):
        """What libseccomp made without some of its memory is either the whole filter or none."""
        if self.injector.has_starved("libseccomp.") and \
                self.injector.filter != _whole_filter(self.scenario):
            self.result.blame("another system call filter than without the fault")

    def _check_end(self, code):
        if self._dies_in_library(code, self.daemon.report):
            return
        if code < 0:
            self.result.blame(f"ended by {signal.Signals(-code).name}")
        elif code not in (0, 1):
            self.result.blame(f"exit code {code}")
        elif code == 1 and not self.daemon.report:
            self.result.blame("exit code 1 without a message")

    def _check_heard(self):
        """Whether the client heard of a fault that it has to hear of, and of no other."""
        heard, point = self.result.heard, self.point
        if heard is not None and (point is None or self._is_invisible()):
            self.result.blame(f"an error that there should not be: {heard}")
        if isinstance(heard, ptm.ControlError) and not self.daemon.report:
            self.result.blame(f"nothing in the log about: {heard}")
        if point is None or heard is not None or not self.injector.struck or \
                not self.scenario.changes or self._is_invisible():
            return
        if point.name in ("sync", "storage.put", "rename"):
            self.result.blame(f"{point.name} failed and was answered as success")

    def _has_lost_an_algorithm(self, error):
        """What libcrypto had no memory for at its first use it takes for absent from then on: the
        TPM fails, and says so, where it needs that; only a new process helps."""
        if self.injector.has_starved("libcrypto.") and isinstance(error, tpm2.TpmError) and \
                error.code == tpm2.RC_FAILURE:
            self.result.died_in = "libcrypto"
        return self.result.died_in is not None

    def _check_recovery(self, session):
        """The fault is over: the TPM can be started again and is what it was."""
        is_silent = False
        try:
            if session.file is None:
                session.open()
            session.must(session.control.stop())
            self._check_tpm(session)
            self.scenario.again(session)
            session.must(session.control.shutdown())
        except TimeoutError as error:
            raise Hang("a call after the fault is not answered") from error
        except OSError as error:
            if error.errno not in (errno.ECONNABORTED, errno.ENOTCONN):
                raise
            self.result.heard = self.result.heard or error
            is_silent = not self.daemon.report
        except (ptm.ControlError, tpm2.TpmError, tpm12.TpmError, AssertionError) as error:
            if not self._has_lost_an_algorithm(error):
                self.result.blame(f"after the fault, in the same process: {error}")
            self.daemon.signal(signal.SIGTERM)
        self._check_end(self.daemon.wait_end())
        if is_silent and self.result.died_in is None:
            self.result.blame("ended without a message")
