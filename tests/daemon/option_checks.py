# SPDX-License-Identifier: BSD-3-Clause
"""What the good uses of options look for: functions that make a check of a Place."""

import re

import tpm2
from option_uses import STORE
from ptm import Control
from store import is_locked, stored


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def has_file(name):
    return lambda place: expect(place.exists(name), f"{name} is missing")


def has_no_file(name):
    return lambda place: expect(not place.exists(name), f"{name} is there")


def has_text(name, pattern):
    """DEVICE in the pattern is the device's name."""
    return lambda place: expect(re.search(place.fill_in(pattern), place.await_text(name)),
                                f"{name}: {place.text(name)!r} has no {pattern!r}")


def has_mode(name, mode):
    return lambda place: expect(place.mode(name) == mode, f"{name} has mode {place.mode(name):o}")


def is_named(name):
    return lambda place: expect(place.device.name == place.fill_in(name), place.device.name)


def has_numbers(major, minor):
    return lambda place: expect((place.device.major, place.device.minor) == (major, minor),
                                f"{place.device.major}:{place.device.minor}")


def has_status(field, value):
    return lambda place: expect(place.status(field) == value, f"{field}: {place.status(field)}")


def answers(command, code):
    """The response code of a command."""
    def check(place):
        with place.kernel.open() as file:
            file.write(command)
            response = file.read()
        found = int.from_bytes(response[6:10], "big")
        expect(found == code, f"response code {found:#x}")
    return check


def tpm2_is_started(place):
    answers(tpm2.get_random(8), 0)(place)


def locality_result(locality, result):
    def check(place):
        with place.kernel.open() as file:
            found = Control(file).set_locality(locality)
        expect(found == result, f"result {found:#x}")
    return check


def config_flags(flags):
    """Which keys are set, as GET_CONFIG tells."""
    def check(place):
        with place.kernel.open() as file:
            found = Control(file).get_config()
        expect(found == flags, f"flags {found:#x}")
    return check


def stores(name):
    return lambda place: expect(name in stored(place.path(STORE)), f"no '{name}' is stored")


def stores_nothing(place):
    expect(stored(place.path(STORE)) == {}, "something is stored")


def state_is_encrypted(place):
    """By the flag of the header (doc/state-format.md §2), and with the key still where it was."""
    state = stored(place.path(STORE))["tpm2-00.permall"]
    expect(int.from_bytes(state[4:6], "big") & 1, "the state is plain")


def lock_is_held(held):
    return lambda place: expect(is_locked(place.path(STORE)) == held,
                                f"the lock is {'not ' if held else ''}held")


def pid_is_in(name):
    def check(place):
        expect(place.await_text(name) == f"{place.process.pid}\n", place.text(name))
    return check


def is_rooted(name):
    return lambda place: expect(place.root() == place.path(name), place.root())


def keeps(name, text):
    return lambda place: expect(place.text(name) == text, f"{name}: {place.text(name)!r}")


def is_capture(name):
    return lambda place: expect(place.read(name)[:4] == b"\x0a\x0d\x0d\x0a", "no pcapng file")
