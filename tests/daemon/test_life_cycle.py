# SPDX-License-Identifier: BSD-3-Clause
"""INIT, STOP, SHUTDOWN, signals, and what survives them."""

import errno
import os
import random
import signal
import threading

import ptm
import tpm12
import tpm2
from ptm import SUCCESS, Control
from store import Store, only_for, stored
from tpm_test import TpmTest, client_for

NV_INDEX = 0x01500001
PERSISTENT = 0x81000001


class InitStopShutdown(TpmTest):
    def test_init_starts_a_tpm_that_waits_for_startup(self):
        _, file, client = self.start_initialised()
        self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)
        client.startup()
        self.assertEqual(len(client.get_random(4)), 4)

    def test_init_of_a_running_tpm_starts_it_anew(self):
        _, file, client = self.start_running()
        self.assertEqual(Control(file).init(), SUCCESS)
        self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)

    @only_for("dir", reason="a directory stands where the temporary file would")
    def test_init_of_a_tpm_that_cannot_be_stored_fails(self):
        for tpm_2, name, result in ((True, "TMP2-00.permall", 0x101), (False, "TMP-00.permall", 9)):
            directory = self.directory()
            os.mkdir(os.path.join(directory, name))
            daemon = self.start(tpm2=tpm_2, state_directory=directory)
            self.assertEqual(Control(daemon.open()).init(), result)
            os.rmdir(os.path.join(directory, name))
            self.assertEqual(Control(daemon.open()).init(), SUCCESS)

    @only_for("dir", reason="a directory stands where the temporary file would")
    def test_the_end_of_a_tpm_that_cannot_be_stored_is_a_failure(self):
        ends = {"STOP": (lambda daemon, control: control.stop(), 0x101),
                "INIT": (lambda daemon, control: control.init(), 0x101),
                "SHUTDOWN": (lambda daemon, control: control.shutdown(), 0x101),
                "SIGTERM": (lambda daemon, control: daemon.terminate(), 1)}
        for name, (end, result) in ends.items():
            with self.subTest(end=name):
                daemon, file, _ = self.start_running()
                control = Control(file)
                obstacle = os.path.join(daemon.state_directory, "TMP2-00.permall")
                os.mkdir(obstacle)
                self.assertEqual(end(daemon, control), result)
                self.assertIn("TMP2-00.permall", daemon.log)
                if name in ("STOP", "INIT"):
                    # It is stopped all the same.
                    os.rmdir(obstacle)
                    self.assertEqual(control.stop(), SUCCESS)
                    self.assertEqual(control.init(), SUCCESS)

    @only_for("dir", reason="a directory stands where the temporary file would")
    def test_the_end_of_a_tpm_that_has_failed_before_is_none(self):
        daemon, file, client = self.start_running()
        os.mkdir(os.path.join(daemon.state_directory, "TMP2-00.permall"))
        self.assertEqual(client.code(tpm2.nv_define(NV_INDEX, 8)), tpm2.RC_FAILURE)
        self.assertEqual(Control(file).stop(), SUCCESS)

    def test_stop_and_init_in_any_order_and_number(self):
        for tpm_2 in (True, False):
            _, file, client = self.start_running(tpm2=tpm_2)
            control = Control(file)
            for call in (control.stop, control.stop, control.init, control.init, control.stop,
                         control.init):
                self.assertEqual(call(), SUCCESS)
            client.startup()
            self.assertEqual(len(client.get_random(4)), 4)

    def test_shutdown_ends_the_process_with_0_in_each_state(self):
        for initialise in (False, True):
            daemon = self.start()
            if initialise:
                Control(daemon.open()).init()
            self.assertEqual(daemon.shut_down(), 0)

    def test_after_shutdown_every_call_gives_enotconn(self):
        daemon, file, _ = self.start_running()
        daemon.shut_down()
        self.raises_errno(errno.ENOTCONN, file.write, tpm2.get_random(4))
        self.raises_errno(errno.ENOTCONN, file.read)
        self.raises_errno(errno.ENOTCONN, Control(file).get_capability)

    def test_shutdown_is_answered_before_the_end(self):
        daemon, file, _ = self.start_running()
        other = daemon.open()
        file.write(tpm2.get_random(4))
        self.assertEqual(Control(other).shutdown(), SUCCESS)
        self.assertEqual(daemon.wait(), 0)

    def test_sigterm_and_sigint_end_the_process_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for initialise in (False, True):
                daemon = self.start()
                if initialise:
                    Control(daemon.open()).init()
                daemon.signal(number)
                self.assertEqual(daemon.wait(), 0)

    def test_the_end_of_the_channel_ends_the_process_in_order(self):
        daemon, _, client = self.start_running(options=["--flags", "disable-auto-shutdown"])
        daemon.kernel.hang_up()
        self.assertEqual(daemon.wait(), 0)

    def test_a_signal_storm_harms_nobody(self):
        daemon, _, client = self.start_running()
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGHUP, signal.SIGHUP):
            daemon.signal(number)
            self.assertEqual(len(client.get_random(4)), 4)


class Persistence(TpmTest):
    def setUp(self):
        self.state = os.path.join(self.directory(), "state")

    def restart(self, daemon, how):
        getattr(daemon, how)()
        return self.start_running(state_directory=self.state, tpm2=daemon.tpm2)

    def test_what_a_tpm_2_stores_is_there_after_each_kind_of_end(self):
        daemon, _, client = self.start_running(state_directory=self.state)
        client.run(tpm2.nv_define(NV_INDEX, 5))
        client.run(tpm2.nv_write(NV_INDEX, b"hello"))
        key = client.create_primary(tpm2.ecc_storage_template())
        client.run(tpm2.evict_control(key, PERSISTENT))
        public = client.run(tpm2.read_public(PERSISTENT))
        for end in ("shut_down", "terminate", "crash"):
            daemon, _, client = self.restart(daemon, end)
            self.assertEqual(client.nv_read(NV_INDEX, 5), b"hello")
            self.assertEqual(client.run(tpm2.read_public(PERSISTENT)), public)

    def test_a_tpm_2_whose_nv_memory_is_full_starts_again(self):
        daemon, _, client = self.start_running(state_directory=self.state)
        size, count = 2048, 0
        while client.code(tpm2.nv_define(NV_INDEX + count, size)) == tpm2.RC_SUCCESS:
            for offset in (0, size // 2):
                client.run(tpm2.nv_write(NV_INDEX + count, bytes([count]) * (size // 2), offset))
            count += 1
        self.assertEqual(daemon.shut_down(), 0)
        # More than libtpms' own allocator gives.
        self.assertGreater(len(stored(self.state)["tpm2-00.permall"]), 128 * 1024)
        _, _, client = self.start_running(state_directory=self.state)
        for i in range(count):
            self.assertEqual(client.nv_read(NV_INDEX + i, 1024), bytes([i]) * 1024)

    def test_a_counter_never_goes_back(self):
        daemon, _, client = self.start_running(state_directory=self.state)
        attributes = tpm2.NV_AUTHREAD | tpm2.NV_AUTHWRITE | tpm2.NV_NO_DA | tpm2.NV_COUNTER
        client.run(tpm2.nv_define(NV_INDEX, 8, attributes))
        client.run(tpm2.nv_increment(NV_INDEX))
        last = client.nv_read(NV_INDEX, 8)
        for end in ("shut_down", "terminate", "crash"):
            client.run(tpm2.nv_increment(NV_INDEX))
            daemon, _, client = self.restart(daemon, end)
            client.run(tpm2.nv_increment(NV_INDEX))
            now = client.nv_read(NV_INDEX, 8)
            self.assertGreater(now, last)
            last = now

    def test_a_crash_at_any_moment_loses_nothing_that_was_answered(self):
        generator = random.Random(2)
        daemon, _, client = self.start_running(state_directory=self.state)
        attributes = tpm2.NV_AUTHREAD | tpm2.NV_AUTHWRITE | tpm2.NV_NO_DA | tpm2.NV_COUNTER
        client.run(tpm2.nv_define(NV_INDEX, 8, attributes))
        client.run(tpm2.nv_increment(NV_INDEX))
        answered = int.from_bytes(client.nv_read(NV_INDEX, 8), "big")
        for _ in range(25):
            timer = threading.Timer(generator.uniform(0.001, 0.03), daemon.signal,
                                    [signal.SIGKILL])
            timer.start()
            try:
                while True:
                    client.run(tpm2.nv_increment(NV_INDEX))
                    answered += 1
            except ConnectionError:
                timer.join()
            daemon.wait()
            daemon, _, client = self.start_running(state_directory=self.state)
            found = int.from_bytes(client.nv_read(NV_INDEX, 8), "big")
            # One more may have been stored whose answer the crash came before.
            self.assertIn(found - answered, (0, 1))
            answered = found

    def test_what_a_tpm_1_2_stores_is_there_after_each_kind_of_end(self):
        daemon, _, client = self.start_running(state_directory=self.state, tpm2=False)
        client.enable()
        client.run(tpm12.nv_define(0x1000, 5))
        client.run(tpm12.nv_write(0x1000, b"hello"))
        for end in ("shut_down", "terminate", "crash"):
            daemon, _, client = self.restart(daemon, end)
            self.assertEqual(client.nv_read(0x1000, 5), b"hello")

    def test_the_same_keys_come_from_the_same_seed(self):
        daemon, _, client = self.start_running(state_directory=self.state)
        public = client.run(tpm2.create_primary(tpm2.ecc_storage_template()))[8:60]
        _, _, client = self.restart(daemon, "shut_down")
        self.assertEqual(client.run(tpm2.create_primary(tpm2.ecc_storage_template()))[8:60], public)


class VolatileState(TpmTest):
    def stored_tpm(self, tpm_2):
        """A daemon that has stored its volatile state, and the value of PCR 5 in it."""
        self.state = os.path.join(self.directory(), "state")
        daemon, file, client = self.start_running(state_directory=self.state, tpm2=tpm_2)
        digest = bytes(range(32 if tpm_2 else 20))
        client.run((tpm2.pcr_extend if tpm_2 else tpm12.extend)(5, digest))
        self.assertEqual(Control(file).store_volatile(), SUCCESS)
        return daemon, client.pcr_read(5)

    def resume(self, tpm_2, flags, options=()):
        daemon = self.start(state_directory=self.state, tpm2=tpm_2, options=options)
        file = daemon.open()
        self.assertEqual(Control(file).init(flags), SUCCESS)
        return daemon, client_for(daemon, file)

    @staticmethod
    def volatile_name(tpm_2):
        return "tpm2-00.volatilestate" if tpm_2 else "tpm-00.volatilestate"

    def test_a_stored_volatile_state_is_resumed_from(self):
        for tpm_2 in (True, False):
            daemon, pcr = self.stored_tpm(tpm_2)
            daemon.crash()
            daemon, client = self.resume(tpm_2, flags=0)
            self.assertEqual(client.pcr_read(5), pcr)
            self.assertIn(self.volatile_name(tpm_2), stored(self.state))

    def test_a_damaged_one_is_refused_and_kept(self):
        for tpm_2 in (True, False):
            daemon, _ = self.stored_tpm(tpm_2)
            daemon.crash()
            name = self.volatile_name(tpm_2)
            with Store(self.state) as store:
                store.put(name, b"\xff" + store.get(name)[1:])
            before = stored(self.state)
            daemon = self.start(state_directory=self.state, tpm2=tpm_2)
            for flags in (0, ptm.INIT_DELETE_VOLATILE):
                self.assertNotEqual(Control(daemon.open()).init(flags), SUCCESS)
                self.assertIn(f"remove '{name}' to start without it", daemon.log)
            self.assertEqual(stored(self.state), before)
            with Store(self.state) as store:
                store.delete(name)
            self.assertEqual(Control(daemon.open()).init(), SUCCESS)

    def test_init_with_flag_1_deletes_it_once_it_was_read(self):
        for tpm_2 in (True, False):
            daemon, pcr = self.stored_tpm(tpm_2)
            daemon.crash()
            daemon, client = self.resume(tpm_2, flags=ptm.INIT_DELETE_VOLATILE)
            self.assertEqual(client.pcr_read(5), pcr)
            self.assertNotIn(self.volatile_name(tpm_2), stored(self.state))
            daemon.crash()
            _, client = self.resume(tpm_2, flags=0)
            self.assertNotEqual(client.code(tpm2.get_random(1) if tpm_2 else tpm12.pcr_read(5)), 0)


class AutomaticShutdown(TpmTest):
    """A TPM 2 that is switched off while a guarded password was in use counts a failed try."""

    def lockout_after(self, end, options=()):
        state = os.path.join(self.directory(), "state")
        daemon, file, client = self.start_running(state_directory=state, options=options)
        before = client.property(tpm2.PT_LOCKOUT_COUNTER)
        self.assertEqual(before, 0)
        parent = client.create_primary(tpm2.GUARDED_ECC_STORAGE)
        client.create(parent, tpm2.ecc_signing_template())
        end(daemon, file, client)
        if daemon.exit_code is None:
            client.startup()
        else:
            _, _, client = self.start_running(state_directory=state)
        return client.property(tpm2.PT_LOCKOUT_COUNTER)

    ENDS = {
        "INIT": lambda daemon, file, client: Control(file).init(),
        "STOP": lambda daemon, file, client: (Control(file).stop(), Control(file).init()),
        "SHUTDOWN": lambda daemon, file, client: daemon.shut_down(),
        "SIGTERM": lambda daemon, file, client: daemon.terminate(),
        "end of the channel": lambda daemon, file, client: (daemon.kernel.hang_up(), daemon.wait()),
    }

    def test_each_orderly_end_shuts_the_tpm_down(self):
        for name, end in self.ENDS.items():
            with self.subTest(end=name):
                self.assertEqual(self.lockout_after(end), 0)

    def test_without_it_the_counter_rises(self):
        for name, end in self.ENDS.items():
            with self.subTest(end=name):
                options = ["--flags", "disable-auto-shutdown"]
                self.assertEqual(self.lockout_after(end, options), 1)

    def test_a_crash_counts(self):
        self.assertEqual(self.lockout_after(lambda daemon, file, client: daemon.crash()), 1)

    def test_a_client_that_sent_the_shutdown_itself_has_done_enough(self):
        def end(daemon, file, client):
            client.run(tpm2.shutdown(tpm2.SU_STATE))
            daemon.shut_down()
        for options in ([], ["--flags", "disable-auto-shutdown"]):
            self.assertEqual(self.lockout_after(end, options), 0)

    def test_a_shutdown_that_was_overtaken_by_a_command_does_not_count(self):
        def end(daemon, file, client):
            client.run(tpm2.shutdown(tpm2.SU_STATE))
            client.get_random(4)
            daemon.shut_down()
        self.assertEqual(self.lockout_after(end), 0)

    def test_the_state_saved_so_is_resumed_by_startup_state(self):
        state = os.path.join(self.directory(), "state")
        daemon, _, client = self.start_running(state_directory=state)
        client.run(tpm2.pcr_extend(5, bytes(range(32))))
        pcr = client.pcr_read(5)
        daemon.terminate()
        _, _, client = self.start_initialised(state_directory=state)
        client.startup(tpm2.SU_STATE)
        self.assertEqual(client.pcr_read(5), pcr)


class Flags(TpmTest):
    def started(self, flags, **parameters):
        daemon = self.start(options=["--flags", flags], **parameters)
        return daemon, client_for(daemon, daemon.open())

    def test_not_need_init_starts_the_tpm_without_startup(self):
        for flags in ("not-need-init", "not-need-init,startup-none"):
            _, client = self.started(flags)
            self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)
            _, client = self.started(flags, tpm2=False)
            self.assertEqual(client.code(tpm12.pcr_read(0)), tpm12.TPM_INVALID_POSTINIT)

    def test_startup_clear_starts_it_whole(self):
        for tpm_2 in (True, False):
            _, client = self.started("startup-clear", tpm2=tpm_2)
            self.assertEqual(len(client.get_random(4)), 4)

    def test_startup_state_resumes_what_shutdown_state_has_saved(self):
        state = os.path.join(self.directory(), "state")
        daemon, _, client = self.start_running(state_directory=state)
        client.run(tpm2.pcr_extend(5, bytes(range(32))))
        pcr = client.pcr_read(5)
        client.run(tpm2.shutdown(tpm2.SU_STATE))
        daemon.shut_down()
        _, client = self.started("startup-state", state_directory=state)
        self.assertEqual(client.pcr_read(5), pcr)

    def test_startup_state_resumes_a_tpm_1_2(self):
        state = os.path.join(self.directory(), "state")
        daemon, _, client = self.start_running(state_directory=state, tpm2=False)
        client.run(tpm12.extend(5, bytes(range(20))))
        pcr = client.pcr_read(5)
        client.run(tpm12.save_state())
        daemon.shut_down()
        _, client = self.started("startup-state", state_directory=state, tpm2=False)
        self.assertEqual(client.pcr_read(5), pcr)

    def test_startup_deactivated_starts_a_tpm_1_2_that_is_deactivated(self):
        _, client = self.started("startup-deactivated", tpm2=False)
        self.assertEqual(client.code(tpm12.get_random(4)), tpm12.TPM_DEACTIVATED)

    def test_startup_state_without_a_saved_state_leaves_the_tpm_to_its_client(self):
        daemon, client = self.started("startup-state")
        self.assertIn("--flags startup-state", daemon.log)
        self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)
        client.startup()
        self.assertEqual(len(client.get_random(4)), 4)

    def test_a_tpm_1_2_that_has_nothing_to_resume_has_failed_until_the_next_init(self):
        daemon, client = self.started("startup-state", tpm2=False)
        self.assertIn("--flags startup-state", daemon.log)
        self.assertEqual(client.code(tpm12.get_random(4)), tpm12.TPM_FAILEDSELFTEST)
        self.assertEqual(Control(client.file).init(), SUCCESS)
        client.startup()
        self.assertEqual(len(client.get_random(4)), 4)

    def test_startup_none_does_not_imply_not_need_init(self):
        _, client = self.started("startup-none")
        self.assertEqual(client.transmit(tpm2.get_random(4)), tpm2.FAILURE_RESPONSE)

    def test_init_is_possible_all_the_same(self):
        daemon, client = self.started("startup-clear")
        self.assertEqual(Control(client.file).init(), SUCCESS)
        self.assertEqual(client.code(tpm2.get_random(4)), tpm2.RC_INITIALIZE)


