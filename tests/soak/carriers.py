# SPDX-License-Identifier: BSD-3-Clause
"""The ways in which clients bring a command to the device and fetch its response.

Each is called with the client and the exchange, and has judged the response when it returns."""

import errno
import select
import time

from exchange import WrongAnswer
from fake_kernel import error_of

PATIENCE = 180


def plain(client, exchange):
    client.file.write(exchange.command)
    exchange.answered(client.file.read())


def in_parts(client, exchange):
    """Until nothing is left."""
    client.file.write(exchange.command)
    response, part = b"", None
    while part != b"":
        part = client.file.read(client.random.randint(1, 40))
        response += part
    exchange.answered(response)


def read_twice(client, exchange):
    plain(client, exchange)
    if client.file.read() != b"":
        raise WrongAnswer(f"{exchange.name}: a second answer")


def interrupted(client, exchange):
    """A signal comes while the client waits; it reads again."""
    client.file.write(exchange.command)
    response = client.host.interrupted_read(client.file, client.random.random() / 1000)
    if response is None:
        client.count("reads that ended with EINTR")
        response = client.file.read()
    exchange.answered(response)


def polled(client, exchange):
    file = client.file
    file.set_nonblocking(True)
    try:
        file.write(exchange.command)
        if error_of(file.poll, select.POLLIN, PATIENCE) or not file.poll(select.POLLIN, 0):
            raise WrongAnswer(f"{exchange.name}: poll does not tell of the response")
        response = file.read()
    finally:
        file.set_nonblocking(False)
    exchange.answered(response)


def beside_others(client, exchange):
    """Another process has the device open: it cannot write, and gets nothing to read."""
    with client.host.open() as other:
        client.file.write(exchange.command)
        if error_of(other.write, exchange.command) != "EBUSY":
            raise WrongAnswer("another process could write")
        if other.read() != b"":
            raise WrongAnswer("another process got an answer")
        exchange.answered(client.file.read())


def by_another_open(client, exchange):
    client.reopen()
    if client.file.read() != b"":
        raise WrongAnswer("a new opener got an answer")
    plain(client, exchange)


def rewritten(client, exchange):
    """The client drops a response by writing anew; without effect of its own, the first command
    may be answered or not."""
    if exchange.has_effect or exchange.is_slow:
        return plain(client, exchange)
    client.file.write(exchange.command)
    return plain(client, exchange)


def too_long(client, exchange):
    """A command that is refused changes nothing."""
    if error_of(client.file.write, bytes(4097)) != "E2BIG":
        raise WrongAnswer("4097 bytes were taken")
    plain(client, exchange)


def cancelled(client, exchange):
    """Another process cancels; the answer comes all the same."""
    client.file.write(exchange.command)
    time.sleep(client.random.random() / 100)
    with client.host.open() as other:
        client.control(other).cancel()
    exchange.answered(client.file.read())


def abandoned(client, exchange):
    """The client goes away while its command runs; the next one gets none of its answer."""
    client.file.write(exchange.command)
    client.reopen()
    if client.file.read() != b"":
        raise WrongAnswer("a new opener got an answer")
    with client.host.open() as other:
        client.control(other).cancel()
    end = time.monotonic() + PATIENCE
    probe = client.known.probe()
    while True:
        try:
            return plain(client, probe)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                raise
        time.sleep(0.005)


SHORT = (plain, in_parts, read_twice, interrupted, polled, beside_others, by_another_open,
         rewritten, too_long)
LONG = (cancelled, abandoned, interrupted, polled)
