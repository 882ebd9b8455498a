# SPDX-License-Identifier: BSD-3-Clause
"""What a victim's daemon is killed at: each operation brings the victim to where it can begin,
submits the calls that do it, and says what may be found afterwards."""

import signal

import ptm
from ptm import NUMBER, request


class Operation:
    """One way to be killed."""

    is_end = False  # the process ends by it
    may_resume = False  # a volatile state may be left, from which the TPM goes on

    def prepare(self, victim):
        """Uncounted."""

    def submit(self, victim):
        """The pending calls."""
        raise NotImplementedError

    def values(self, victim):
        """What NV may hold after a kill."""
        return {victim.value}

    def complete(self, victim, results):
        """It was not killed: `results` of the calls.  The victim is to run as before."""

    def _submit_call(self, victim, name, *arguments):
        return victim.file.submit_ioctl(NUMBER[name], request(name, *arguments))


def expect_success(victim, response):
    if victim.commands.code(response) != 0:
        raise AssertionError(f"response {response.hex()}")


def expect_result(response):
    if ptm.result_of(response) != ptm.SUCCESS:
        raise AssertionError(f"control call: {ptm.result_of(response):#x}")


class Write(Operation):
    """The client's next number."""

    def submit(self, victim):
        return victim.submit(victim.next_write())

    def values(self, victim):
        return {victim.value, victim.value + 1}

    def complete(self, victim, results):
        expect_success(victim, results[-1])
        victim.value += 1


class Startup(Operation):
    def prepare(self, victim):
        victim.control.stop()
        expect_result(victim.control.call("INIT", ptm.INIT_DELETE_VOLATILE))

    def submit(self, victim):
        return victim.submit(victim.commands.startup())

    def complete(self, victim, results):
        expect_success(victim, results[-1])


class Resume(Startup):
    """Startup(STATE)."""

    def prepare(self, victim):
        victim.tpm.run(victim.commands.save())
        super().prepare(victim)

    def submit(self, victim):
        return victim.submit(victim.commands.startup(resume=True))


class Shutdown(Operation):
    """TPM2_Shutdown(STATE) or TPM_SaveState."""

    def submit(self, victim):
        return victim.submit(victim.commands.save())

    def complete(self, victim, results):
        expect_success(victim, results[-1])


class Stop(Operation):
    def submit(self, victim):
        return [self._submit_call(victim, "STOP")]

    def complete(self, victim, results):
        expect_result(results[-1])
        victim.power_on()


class Init(Operation):
    def prepare(self, victim):
        victim.control.stop()

    def submit(self, victim):
        return [self._submit_call(victim, "INIT", ptm.INIT_DELETE_VOLATILE)]

    def complete(self, victim, results):
        expect_result(results[-1])
        expect_success(victim, victim.tpm.transmit(victim.commands.startup()))


class StoreVolatile(Operation):
    may_resume = True

    def submit(self, victim):
        return [self._submit_call(victim, "STORE_VOLATILE")]

    def complete(self, victim, results):
        expect_result(results[-1])
        victim.power_on()


class Revive(Operation):
    """INIT that goes on from a volatile state and deletes it."""

    may_resume = True

    def prepare(self, victim):
        expect_result(victim.control.call("STORE_VOLATILE"))

    def submit(self, victim):
        return [self._submit_call(victim, "INIT", ptm.INIT_DELETE_VOLATILE)]

    def complete(self, victim, results):
        expect_result(results[-1])


class FetchVolatile(Operation):
    """GET_STATEBLOB, which stores the state for a moment."""

    may_resume = True

    def submit(self, victim):
        return [self._submit_call(victim, "GET_STATEBLOB", 0, ptm.VOLATILE, 0)]

    def complete(self, victim, results):
        expect_result(results[-1])


class SetPermanent(Operation):
    """An older permanent state comes back by SET_STATEBLOB and INIT."""

    def prepare(self, victim):
        self._old = victim.value
        flags, blob = victim.control.get_blob(ptm.PERMANENT)
        victim.write(victim.value + 1)
        victim.control.stop()
        rest = len(blob) // ptm.BLOB_PART_MAX * ptm.BLOB_PART_MAX
        for start in range(0, rest, ptm.BLOB_PART_MAX):
            part = blob[start:start + ptm.BLOB_PART_MAX]
            assert victim.control.set_blob_part(ptm.PERMANENT, flags, part) == ptm.SUCCESS
        self._last = (flags, ptm.PERMANENT, blob[rest:])

    def submit(self, victim):
        return [self._submit_call(victim, "SET_STATEBLOB", *self._last),
                self._submit_call(victim, "INIT", ptm.INIT_DELETE_VOLATILE)]

    def values(self, victim):
        return {self._old, victim.value}

    def complete(self, victim, results):
        for result in results:
            expect_result(result)
        expect_success(victim, victim.tpm.transmit(victim.commands.startup()))
        victim.value = self._old


class Release(Operation):
    """The last blob is fetched, and the storage lock dropped."""

    may_resume = True

    def prepare(self, victim):
        for kind in (ptm.PERMANENT, ptm.VOLATILE):
            victim.control.get_blob(kind)

    def submit(self, victim):
        return [self._submit_call(victim, "GET_STATEBLOB", 0, ptm.SAVESTATE, 0)]

    def complete(self, victim, results):
        expect_result(victim.control.call("LOCK_STORAGE", 0))


class Lock(Release):
    """The lock is taken again."""

    def prepare(self, victim):
        super().prepare(victim)
        victim.control.call("GET_STATEBLOB", 0, ptm.SAVESTATE, 0)

    def submit(self, victim):
        return [self._submit_call(victim, "LOCK_STORAGE", 0)]

    def complete(self, victim, results):
        expect_result(results[-1])


class EndByShutdown(Operation):
    """SHUTDOWN, with TPM2_Shutdown before it."""

    is_end = True

    def submit(self, victim):
        return [self._submit_call(victim, "SHUTDOWN")]


class EndBySignal(Operation):
    """SIGTERM, after which all is as after SHUTDOWN."""

    is_end = True

    def submit(self, victim):
        victim.daemon.signal(signal.SIGTERM)
        return []


class OnBackup:
    """Mixed into an operation: the permanent state is damaged before, so that INIT takes the backup,
    and stored anew afterwards, so that the next kill finds a state that is whole again."""

    is_removed = False  # the permanent state, instead of cut off

    def prepare(self, victim):
        for _ in range(2):
            victim.write(victim.value + 1)
        victim.daemon.crash()
        victim.bury()
        victim.damage(self.is_removed)
        victim.start()

    def complete(self, victim, results):
        super().complete(victim, results)
        victim.write(victim.value + 1)
        victim.is_damaged = False


class FallBack(OnBackup, Init):
    """INIT takes the backup, since the permanent state was removed."""

    is_removed = True


class FallBackStartup(OnBackup, Startup):
    """The first command on the backup, which a TPM 2 stores in the place of a state cut off."""

    def prepare(self, victim):
        super().prepare(victim)
        expect_result(victim.control.call("INIT", ptm.INIT_DELETE_VOLATILE))


class FallBackWrite(OnBackup, Write):
    """The first number on the backup, which a TPM 1.2 stores so."""

    def prepare(self, victim):
        super().prepare(victim)
        victim.power_on()


# Where there is a backup.
FALL_BACKS = {
    "fall-back": FallBack(),
    "fall-back-startup": FallBackStartup(),
    "fall-back-write": FallBackWrite(),
}

OPERATIONS = {
    "write": Write(),
    "startup": Startup(),
    "resume": Resume(),
    "shutdown": Shutdown(),
    "stop": Stop(),
    "init": Init(),
    "store-volatile": StoreVolatile(),
    "revive": Revive(),
    "fetch-volatile": FetchVolatile(),
    "set-permanent": SetPermanent(),
    "release": Release(),
    "lock": Lock(),
    **FALL_BACKS,
    "end": EndByShutdown(),
    "terminate": EndBySignal(),
}
