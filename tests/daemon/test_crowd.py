# SPDX-License-Identifier: BSD-3-Clause
"""Several clients at once, who command, ask, cancel, interrupt, initialise and leave at random, and a
daemon that is ended in the middle of it.  Under TSan this looks for races, under ASan for what is used
after its end; in each build nothing may hang, and each call gets one answer.

The environment variable SEED repeats the choices of each client, not their order in time.
"""

import os
import random
import threading
import time

import tpm2
from ptm import PERMANENT, VOLATILE, Control, ControlError
from tpm_test import TpmTest

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
CLIENTS = 6
SECONDS = 1.5

# What a client may be told by a daemon that is busy, initialised by another, or gone.
EXPECTED = (OSError, ControlError)


class Client:
    """One thread with an open of its own, at most."""

    def __init__(self, kernel, number):
        self.kernel, self.number = kernel, number
        self.chance = random.Random(f"{SEED} {number}")
        self.file, self.pending, self.calls, self.errors = None, [], 0, 0
        self.failure = None

    def run(self, until):
        try:
            while time.monotonic() < until and not self.kernel.is_gone:
                self.calls += 1
                try:
                    self.step()
                except TimeoutError:
                    raise
                except EXPECTED:
                    self.errors += 1
            self.leave()
        except BaseException as error:
            self.failure = error

    def step(self):
        if self.file is None:
            self.file = self.kernel.open()
        self.chance.choices([self.command, self.ask, self.wait_for_answer, self.cancel,
                             self.transfer, self.initialise, self.leave],
                            weights=[40, 20, 15, 10, 5, 3, 5])[0]()

    def command(self):
        choice = self.chance.random()
        if choice < 0.1:
            data = tpm2.slow_command(self.chance.randbytes(8), bits=2048)
        elif choice < 0.4:
            data = tpm2.create_primary(tpm2.ecc_storage_template(), tpm2.RH_NULL)
        else:
            data = self.chance.choice((tpm2.get_random(16), tpm2.pcr_read(1), tpm2.startup(),
                                       tpm2.pcr_extend(9, bytes(32)), tpm2.flush_context(0x80000000)))
        self.file.write(data)
        if self.chance.random() < 0.7:
            self.file.read()

    def ask(self):
        control = Control(self.file)
        self.chance.choice((control.get_capability, control.get_config, control.buffer_size,
                            control.get_established, lambda: control.info(1),
                            lambda: control.set_locality(self.chance.randrange(5)),
                            lambda: self.file.poll(1, self.chance.choice((0, 0.01)))))()

    def wait_for_answer(self):
        """A read that may be interrupted."""
        read = self.file.submit_read()
        if not read.is_done_within(self.chance.random() * 0.02):
            read.interrupt()
        read.wait()

    def cancel(self):
        Control(self.file).cancel()

    def transfer(self):
        control = Control(self.file)
        self.chance.choice((lambda: control.get_blob(PERMANENT), control.store_volatile,
                            lambda: control.set_blob(VOLATILE, 0, b"no blob"),
                            lambda: control.hash_data(b"data")))()

    def initialise(self):
        control = Control(self.file)
        self.chance.choice((control.init, control.init, control.stop))()

    def leave(self):
        """Closes, or is killed with a read in flight."""
        file, self.file = self.file, None
        if file is None:
            return
        if self.chance.random() < 0.5:
            file.close()
            return
        read = file.submit_read()
        file.kill()
        try:
            read.wait()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise


class Crowd(TpmTest):
    def crowd(self, daemon, end):
        """Lets the clients loose on it, and calls end() while they are at it; checks that all of them
        came through."""
        until = time.monotonic() + SECONDS * 2
        clients = [Client(daemon.kernel, number) for number in range(CLIENTS)]
        threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(SECONDS)
        end()
        for thread in threads:
            thread.join()
        calls, errors = (sum(getattr(client, what) for client in clients)
                         for what in ("calls", "errors"))
        print(f"{self.id().split('.')[-1]}: {CLIENTS} clients, {calls} calls, {errors} refused, "
              f"seed {SEED}")
        for client in clients:
            if client.failure is not None:
                raise client.failure
        self.assertGreater(calls - errors, 20)

    def test_a_client_shuts_it_down(self):
        daemon, file, _ = self.start_running()
        file.close()
        self.crowd(daemon, lambda: self.assertEqual(daemon.shut_down(), 0))

    def test_a_signal_ends_it(self):
        daemon, file, _ = self.start_running()
        file.close()
        self.crowd(daemon, lambda: self.assertEqual(daemon.terminate(), 0))

    def test_it_goes_on_when_the_crowd_has_left(self):
        daemon, file, _ = self.start_running()
        file.close()
        self.crowd(daemon, lambda: None)
        with daemon.open() as file:
            Control(file).init()
            client = tpm2.Tpm2(file)
            # If one of them had its volatile state stored, it goes on from there.
            self.assertIn(client.code(tpm2.startup()), (tpm2.RC_SUCCESS, tpm2.RC_INITIALIZE))
            self.assertEqual(len(client.get_random(4)), 4)
