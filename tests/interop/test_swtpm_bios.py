# SPDX-License-Identifier: BSD-3-Clause
"""swtpm_bios against Debian's `swtpm socket`; what it sends is compared with what Debian's
swtpm_bios sends; and against servers that lie.
"""

import itertools
import os
import shutil
import socket
import tempfile
import unittest

from debian_swtpm import DebianSwtpm
from fake_server import FakeServer, tpm_command_size, words
from programs import debians, ours, run

BIOS = ours("swtpm_bios")
DEBIANS_BIOS = debians("swtpm_bios")
IOCTL = ours("swtpm_ioctl")

GOOD, WRONG_USE, TPM_ERROR, RESET_NEEDED, CANNOT_TALK = 0, 1, 128, 129, 255

GET_CAPABILITY = 0x65
HIERARCHY_CHANGE_AUTH = 0x129
STARTS = [[], ["-c"], ["-s"], ["-d"], ["-n"]]
SWITCHES = ["-o", "-ea", "-cs", "-u"]
# TPM_PERMANENT_FLAGS: the tag, disable, ownership, deactivated, and 17 more.
PERMANENT_FLAGS = bytes.fromhex("001f") + bytes([0, 1, 0]) + bytes(17)
PERMANENT_FLAGS_DEACTIVATED = bytes.fromhex("001f") + bytes([0, 1, 1]) + bytes(17)


def response(result=0, parameters=b"", tag="00c4"):
    return bytes.fromhex(tag) + words(10 + len(parameters), result) + parameters


def ordinal(command):
    return int.from_bytes(command[6:10], "big")


def good_answer(command, flags=PERMANENT_FLAGS):
    if command[0] == 0x80:
        return response(tag="8001")
    if ordinal(command) == GET_CAPABILITY:
        return response(0, words(len(flags)) + flags)
    return response()


def every_combination():
    for tpm2, start in itertools.product([[], ["--tpm2"]], STARTS):
        for count in range(len(SWITCHES) + 1):
            for switches in itertools.combinations(SWITCHES, count):
                yield [*tpm2, *start, *switches]


class TestCase(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm_bios.")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def assert_silent(self, done):
        self.assertEqual((done.returncode, done.stdout, done.stderr), (GOOD, b"", b""))

    def assert_fails(self, done, status, *wanted):
        """Nothing on standard output, and each line of standard error names the program."""
        message = done.stderr.decode()
        self.assertEqual(done.returncode, status, message)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(message, r"\A(swtpm_bios: [^\n]+\n)+\Z")
        for text in wanted:
            self.assertIn(text, message)


class SameAsDebians(TestCase):
    """Commands, their order, and the exit status."""

    def exchange(self, program, options, answer=good_answer):
        with FakeServer(tpm_command_size, answer) as server:
            done = run(program, *server.options, *options)
        # The password that TPM2_HierarchyChangeAuth sets is random.
        sent = [command[:-20] if ordinal(command) == HIERARCHY_CHANGE_AUTH else command
                for command in server.requests]
        return done.returncode, sent, server.connections

    def compare(self, options, answer=good_answer):
        our = self.exchange(BIOS, options, answer)
        self.assertEqual(our, self.exchange(DEBIANS_BIOS, options, answer))
        return our

    def test_every_combination_of_options(self):
        sequences = set()
        for options in every_combination():
            with self.subTest(options=options):
                status, sent, _ = self.compare(options)
                self.assertEqual(status, GOOD)
                sequences.add(tuple(sent))
        self.assertGreater(len(sequences), 40)

    def test_the_last_start_option_counts(self):
        for start in itertools.permutations(["-c", "-s", "-d", "-n"], 2):
            for tpm2 in ([], ["--tpm2"]):
                with self.subTest(options=[*tpm2, *start]):
                    self.compare([*tpm2, *start])

    def test_one_command_refused(self):
        """The others are sent all the same."""
        for options in (["-ea", "-cs", "-u"], ["--tpm2", "-cs", "-u"]):
            _, sent, _ = self.compare(options)
            for refused in sent:
                with self.subTest(options=options, refused=refused.hex()):
                    def answer(command, prefix=refused):
                        if command.startswith(prefix):
                            return response(0x101, tag="8001" if "--tpm2" in options else "00c4")
                        return good_answer(command)

                    status, still_sent, _ = self.compare(options, answer)
                    self.assertEqual((status, still_sent), (TPM_ERROR, sent))

    def test_a_deactivated_tpm_needs_a_reset(self):
        def deactivated(command):
            return good_answer(command, PERMANENT_FLAGS_DEACTIVATED)

        def deactivated_and_refused(command):
            return response(9) if ordinal(command) == 0x99 else deactivated(command)

        for options in (["-ea"], ["-ea", "-cs", "-u"], ["-n", "-ea"], ["-ea", "-o"], ["-ea", "-d"],
                        ["-u"]):
            for answer in (deactivated, deactivated_and_refused):
                with self.subTest(options=options):
                    status, _, _ = self.compare(options, answer)
                    activates = "-ea" in options and "-o" not in options and "-d" not in options
                    self.assertEqual(status == RESET_NEEDED, activates)

    def test_the_password_that_nobody_knows_is_another_one_each_time(self):
        passwords = set()
        for _ in range(3):
            with FakeServer(tpm_command_size, good_answer) as server:
                run(BIOS, *server.options, "--tpm2", "-n", "-u")
            passwords.add(server.requests[0][-20:])
        self.assertEqual(len(passwords), 3)


class OnDebiansSwtpm(TestCase):
    """What the emulator says to it, over all transports."""

    def boot_all_ways(self, tpm2):
        version = ["--tpm2"] if tpm2 else []
        for transport in ("unix", "tcp"):
            for options in ([], ["-c", "-cs"], ["-ea", "-cs", "-u"]):
                with self.subTest(transport=transport, options=options), \
                        DebianSwtpm(tpm2, transport) as swtpm:
                    run(IOCTL, *swtpm.control_options, "-i")
                    self.assert_silent(run(BIOS, *version, *swtpm.command_options, *options))

    def test_tpm_1_2(self):
        self.boot_all_ways(False)

    def test_tpm_2(self):
        self.boot_all_ways(True)

    def test_a_tpm_that_hangs_up_after_each_response(self):
        with DebianSwtpm(False, "tcp") as swtpm:
            address = swtpm.command_options[1].replace("127.0.0.1:", "port=")
        options = ["--server", f"type=tcp,{address},disconnect"]
        with DebianSwtpm(False, "tcp", options=options) as swtpm:
            run(IOCTL, *swtpm.control_options, "-i")
            self.assert_silent(run(BIOS, "--tcp", address.replace("port=", ":"), "-ea", "-cs"))

    def statuses(self, tpm2, *commands):
        """Exit statuses of both programs, each on a fresh TPM."""
        version = ["--tpm2"] if tpm2 else []
        statuses = []
        for program in (BIOS, DEBIANS_BIOS):
            with DebianSwtpm(tpm2) as swtpm:
                run(IOCTL, *swtpm.control_options, "-i")
                statuses.append([run(program, *version, *swtpm.command_options, *options).returncode
                                 for options in commands])
        return statuses

    def test_a_sequence_of_boots_ends_as_with_debians(self):
        for tpm2 in (False, True):
            our, debian = self.statuses(tpm2, ["-o"], ["-o"], ["-n", "-ea"], ["-n", "-cs", "-u"],
                                        ["-s"], ["-n", "-u"])
            self.assertEqual(our, debian)
            self.assertIn(GOOD, our)
            self.assertIn(TPM_ERROR, our)

    def test_a_tpm_that_is_started_deactivated(self):
        self.assertEqual(*self.statuses(False, ["-d"], ["-n", "-ea"]))

    def test_a_second_start_is_explained(self):
        for tpm2 in (False, True):
            with DebianSwtpm(tpm2) as swtpm:
                options = [*(["--tpm2"] if tpm2 else []), *swtpm.command_options, "-o"]
                run(IOCTL, *swtpm.control_options, "-i")
                self.assert_silent(run(BIOS, *options))
                self.assert_fails(run(BIOS, *options), TPM_ERROR, "Startup", "swtpm_ioctl -i",
                                  "0x00000100" if tpm2 else "0x00000026")

    def test_the_wrong_version_is_explained(self):
        for tpm2 in (False, True):
            with DebianSwtpm(tpm2) as swtpm:
                run(IOCTL, *swtpm.control_options, "-i")
                version = [] if tpm2 else ["--tpm2"]
                self.assert_fails(run(BIOS, *version, *swtpm.command_options, "-o"), TPM_ERROR,
                                  "--tpm2", "0x00000084" if tpm2 else "0x0000000a")


class Environment(TestCase):

    VARIABLES = ("TPM_DEVICE", "TCSD_USE_TCP_DEVICE", "TCSD_TCP_DEVICE_HOSTNAME",
                 "TCSD_TCP_DEVICE_PORT")

    def setUp(self):
        super().setUp()
        for name in self.VARIABLES:
            os.environ.pop(name, None)

    def test_tcp_by_the_environment(self):
        with FakeServer(tpm_command_size, good_answer, socket.AF_INET) as server:
            port = server.options[1].rpartition(":")[2]
            for extra in ({}, {"TCSD_TCP_DEVICE_HOSTNAME": "localhost"},
                          {"TPM_DEVICE": "/dev/null"}):
                self.assert_silent(run(BIOS, "-o", environment={
                    "TCSD_USE_TCP_DEVICE": "1", "TCSD_TCP_DEVICE_PORT": port, **extra}))
            self.assertEqual(server.connections, 3)

    def test_an_option_goes_before_the_environment(self):
        with FakeServer(tpm_command_size, good_answer) as server:
            self.assert_silent(run(BIOS, "-o", *server.options, environment={
                "TCSD_USE_TCP_DEVICE": "1", "TPM_DEVICE": "/dev/null"}))

    def test_defaults(self):
        self.assert_fails(run(BIOS, environment={"TPM_DEVICE": self.path("none")}), CANNOT_TALK,
                          self.path("none"), "No such file")
        self.assert_fails(run(BIOS, environment={"TCSD_USE_TCP_DEVICE": "",
                                                 "TCSD_TCP_DEVICE_HOSTNAME": "127.6.5.45"}),
                          CANNOT_TALK, "127.6.5.45:6545", "refused")
        if not os.path.exists("/dev/tpm0"):
            self.assert_fails(run(BIOS), CANNOT_TALK, "/dev/tpm0", "No such file")

    def test_wrong_values(self):
        for port in ("x", "0", "65536", "-1"):
            self.assert_fails(run(BIOS, environment={"TCSD_USE_TCP_DEVICE": "1",
                                                     "TCSD_TCP_DEVICE_PORT": port}),
                              WRONG_USE, "TCSD_TCP_DEVICE_PORT", f"'{port}'")


class WrongUse(TestCase):

    def test_wrong_command_lines(self):
        for arguments, wanted in [
                (["--bogus"], ["--bogus", "-h"]), (["-x"], ["-x", "-h"]),
                (["--tpm3"], ["--tpm3", "--tpm2"]), (["-es"], ["-es"]),
                (["surplus"], ["surplus", "-h"]), (["-c", "/dev/null"], ["/dev/null"]),
                (["--tcp"], ["--tcp", "[HOST]:[PORT]"]), (["--unix"], ["--unix", "PATH"]),
                (["--tpm-device"], ["--tpm-device", "DEV"]), (["--tpm2=1"], ["--tpm2", "no value"]),
                (["--tcp", ":1", "--unix", "/x"], ["--unix", "one TPM"]),
                (["--tpm-device", "/x", "--unix", "/y"], ["/x", "/y"]),
                (["--tcp", ":x"], ["--tcp", "'x'"]), (["--tcp", ":0"], ["--tcp", "'0'"]),
                (["--tcp", "a:b:c"], ["--tcp", "brackets"]), (["--tcp", ""], ["--tcp"]),
                (["--unix", "/" + "x" * 108], ["--unix", "107"])]:
            with self.subTest(arguments=arguments):
                self.assert_fails(run(BIOS, *arguments), WRONG_USE, *wanted)

    def test_nobody_there(self):
        for arguments, wanted in [
                (["--tpm-device", self.path("none")], ["none", "No such file"]),
                (["--tpm-device", self.directory], ["directory"]),
                (["--unix", self.path("none")], ["none", "No such file"]),
                (["--tcp", "127.6.5.45:1"], ["127.6.5.45:1", "refused"]),
                (["--tcp", "no-such-host.invalid:1"], ["no-such-host.invalid"])]:
            for tpm2 in ([], ["--tpm2"]):
                with self.subTest(arguments=arguments):
                    self.assert_fails(run(BIOS, *tpm2, *arguments), CANNOT_TALK, *wanted)
                    self.assertEqual(run(DEBIANS_BIOS, *tpm2, *arguments).returncode, CANNOT_TALK)

    def test_a_file_is_not_written_to(self):
        with open(self.path("file"), "wb") as file:
            file.write(b"precious")
        self.assert_fails(run(BIOS, "--tpm-device", self.path("file")), CANNOT_TALK,
                          "not a character device")
        with open(self.path("file"), "rb") as file:
            self.assertEqual(file.read(), b"precious")

    def test_devices_that_are_no_tpm(self):
        self.assert_fails(run(BIOS, "--tpm-device", "/dev/null"), CANNOT_TALK, "too short")
        self.assert_fails(run(BIOS, "--tpm-device", "/dev/zero"), CANNOT_TALK, "malformed")
        self.assert_fails(run(BIOS, "--tpm-device", "/dev/full"), CANNOT_TALK, "No space left")

    def test_help_and_version(self):
        for option in ("-h", "-v"):
            done = run(BIOS, option)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertRegex(run(BIOS, "-v").stdout.decode(), r"\bversion \d+\.\d+\.\d+\n")
        for option in [*itertools.chain(*STARTS), *SWITCHES, "--tpm2", "--tcp", "--unix", "-v"]:
            self.assertRegex(run(BIOS, "-h").stdout.decode(), rf"(?m)^  {option} ")


class HostileServers(TestCase):

    def boot(self, answers, *options, family=socket.AF_UNIX):
        with FakeServer(tpm_command_size, answers, family) as server:
            return run(BIOS, *server.options, *options)

    def test_malformed_responses(self):
        good = response()
        for answer, wanted in [
                *((good[:size], "too short") for size in range(10)),
                (good + b"x", "malformed"), (good + bytes(6000), "malformed"),
                (bytes.fromhex("00c4") + words(9, 0), "malformed"),
                (bytes.fromhex("00c4") + words(0, 0), "malformed"),
                (bytes.fromhex("00c4") + words(11, 0), "too short"),
                (bytes.fromhex("00c4") + words(4096, 0), "too short"),
                (bytes.fromhex("00c4") + words(4097, 0), "malformed"),
                (bytes.fromhex("00c4") + words(0xffffffff, 0), "malformed"),
                (bytes(5000), "malformed")]:
            for tpm2 in ([], ["--tpm2"]):
                with self.subTest(answer=answer[:12].hex()):
                    self.assert_fails(self.boot([answer], *tpm2), CANNOT_TALK, "Startup", wanted)

    def test_a_server_that_hangs_up_at_each_command(self):
        with FakeServer(tpm_command_size, good_answer) as server:
            run(BIOS, *server.options, "-ea", "-cs", "-u")
        for count in range(len(server.requests)):
            answers = [good_answer(command) for command in server.requests[:count]]
            with self.subTest(count=count):
                self.assert_fails(self.boot([*answers, b""], "-ea", "-cs", "-u"), CANNOT_TALK)

    def test_flags_that_are_cut_off(self):
        for size in range(len(PERMANENT_FLAGS)):
            def answer(command, flags=PERMANENT_FLAGS[:size]):
                return good_answer(command, flags)

            with self.subTest(size=size):
                done = self.boot(answer, "-ea")
                if size < 5:
                    self.assert_fails(done, CANNOT_TALK, "TPM_GetCapability", "too few")
                else:
                    self.assert_silent(done)

    def test_a_response_in_many_pieces(self):
        class Dribbling(FakeServer):
            def _serve_request(self, connection):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                command = self._receive(connection)
                for byte in good_answer(command) if command else b"":
                    connection.sendall(bytes([byte]))
                return bool(command)

        with Dribbling(tpm_command_size, [], socket.AF_INET) as server:
            self.assert_silent(run(BIOS, *server.options, "-ea"))


if __name__ == "__main__":
    unittest.main()
