# SPDX-License-Identifier: BSD-3-Clause
"""swtpm_ioctl against Debian's `swtpm socket`, compared with Debian's swtpm_ioctl; and against
servers that lie.
"""

import os
import resource
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import unittest

import ioctl_session
from debian_swtpm import DebianSwtpm
from fake_server import HASH_DATA, FakeServer, control_request_size, words
from programs import PATIENCE, VARIANT, debians, ours, run

IOCTL = ours("swtpm_ioctl")
DEBIANS_IOCTL = debians("swtpm_ioctl")

TPM_FAIL, TPM_BAD_ORDINAL, TPM_RETRY = 9, 0xa, 0x800
PART_MAX = 3072

class TestCase(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm_ioctl.")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def make(self, name, contents):
        with open(self.path(name), "wb") as file:
            file.write(contents)
        return self.path(name)

    def contents(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def ioctl(self, *arguments, **options):
        return run(IOCTL, *arguments, **options)

    def must(self, *arguments, program=IOCTL, **options):
        done = run(program, *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
        return done.stdout

    def assert_fails(self, done, *wanted):
        """Exit status 1, nothing on standard output, and one line that names what is wrong."""
        message = done.stderr.decode()
        self.assertEqual(done.returncode, 1, message)
        self.assertIn(done.stdout, (None, b""))
        self.assertRegex(message, r"\Aswtpm_ioctl: [^\n]+\n\Z")
        for text in wanted:
            self.assertIn(text, message)


class SameAsDebians(TestCase):
    """Standard output, standard error, exit status and files, on the real emulator."""

    def compare(self, tpm2, transport):
        answers = {}
        for program in (DEBIANS_IOCTL, IOCTL):
            with DebianSwtpm(tpm2, transport) as swtpm:
                answers[program] = ioctl_session.answers(program, swtpm.control_options,
                                                          self.directory)
                run(program, *swtpm.control_options, "-s")
                self.assertEqual(swtpm.wait(), 0)
        for command, debian, our in zip(ioctl_session.COMMANDS, *answers.values(), strict=True):
            with self.subTest(command=[argument[:20] for argument in command]):
                self.assertEqual(our, debian)
        self.assertIn((0, b"tpmEstablished is 0\n", b""), answers[IOCTL])
        self.assertIn((1, b"", b"TPM result from PTM_SET_STATEBLOB: 0xa\n"), answers[IOCTL])

    def test_tpm_2_over_a_unix_socket(self):
        self.compare(True, "unix")

    def test_tpm_2_over_tcp(self):
        self.compare(True, "tcp")

    def test_tpm_1_2_over_a_unix_socket(self):
        self.compare(False, "unix")

    def test_tpm_1_2_over_tcp(self):
        self.compare(False, "tcp")

    def test_saved_blobs_are_the_same_and_load_in_the_other(self):
        with DebianSwtpm() as swtpm:
            options = swtpm.control_options
            self.must(*options, "-i")
            for kind in ("permanent", "volatile"):
                self.must(*options, "--save", kind, self.path(f"{kind}.ours"))
                self.must(*options, "--save", kind, self.path(f"{kind}.debians"),
                          program=DEBIANS_IOCTL)
            self.assertEqual(self.contents("permanent.ours"), self.contents("permanent.debians"))
            # A clock stands in the volatile state.
            self.assertEqual(len(self.contents("volatile.ours")),
                             len(self.contents("volatile.debians")))
            self.assertGreater(len(self.contents("volatile.ours")), PART_MAX)
        for program, other in ((IOCTL, "debians"), (DEBIANS_IOCTL, "ours")):
            with DebianSwtpm() as swtpm:
                for kind in ("permanent", "volatile"):
                    self.must(*swtpm.control_options, "--load", kind, self.path(f"{kind}.{other}"),
                              program=program)
                self.must(*swtpm.control_options, "-i", program=program)

    def test_a_migration_key(self):
        key = self.make("key", bytes(range(16)))
        keys = ["--migration-key", f"file={key},format=binary"]
        with DebianSwtpm(options=keys) as swtpm:
            options = swtpm.control_options
            self.must(*options, "-i")
            self.assertEqual(self.must(*options, "-g"), b"ptm configuration flags: 0x2\n")
            self.must(*options, "--save", "permanent", self.path("blob"))
            self.must(*options, "--stop")
            self.must(*options, "--load", "permanent", self.path("blob"))
            self.must(*options, "-i")
        with DebianSwtpm() as swtpm:
            refused = self.ioctl(*swtpm.control_options, "--load", "permanent", self.path("blob"))
            self.assertEqual((refused.returncode, refused.stderr),
                             (1, b"TPM result from PTM_SET_STATEBLOB: 0xd\n"))

    def test_data_to_hash_from_standard_input(self):
        for size in (0, 1, 4095, 4096, 4097, 10000):
            answers = {}
            for program in (IOCTL, DEBIANS_IOCTL):
                with FakeServer(control_request_size, lambda _: words(0)) as server:
                    run(program, *server.options, "-h", "-", input=b"\x5a" * size)
                # Debian's sends an empty part when there is nothing left to read.
                answers[program] = [request for request in server.requests
                                    if request != words(HASH_DATA, 0)]
            self.assertEqual(answers[IOCTL], answers[DEBIANS_IOCTL], size)
            self.assertEqual(b"".join(request[8:] for request in answers[IOCTL][1:-1]),
                             b"\x5a" * size)


    def test_standard_input_that_cannot_be_read_is_not_hashed(self):
        with DebianSwtpm() as swtpm:
            self.must(*swtpm.control_options, "-i")
            directory = os.open("/", os.O_RDONLY)
            self.addCleanup(os.close, directory)
            done = self.ioctl(*swtpm.control_options, "-h", "-", stdin=directory)
            self.assert_fails(done, "option -h: cannot read standard input: Is a directory")


class SameRequests(TestCase):
    """What is sent, and what is printed of answers that the emulator does not give at will."""

    def exchange(self, program, command, answers):
        with FakeServer(control_request_size, answers) as server:
            done = run(program, *server.options, *command)
        return server.requests, done.returncode, done.stdout, done.stderr

    def compare(self, command, answers):
        with self.subTest(command=[argument[:20] for argument in command]):
            our = self.exchange(IOCTL, command, answers)
            self.assertEqual(our, self.exchange(DEBIANS_IOCTL, command, answers))
            self.assertTrue(our[0])

    def test_good_answers(self):
        blob = bytes(range(256)) * 20
        for command, answers in [
                (["-c"], [words(0, 0x1ffff)]),
                (["-c"], [words(0x80000001, 2)]),
                (["-e"], [words(0, 0x01000000)]),
                (["-g"], [words(0, 3)]),
                (["-b", "5000"], [words(0, 4096, 1024, 8192)]),
                (["--info", "0x123456789a"], [words(0, 3, 3) + b"{}\0"]),
                (["--info", "1"], [words(0, 2, 2) + b"{}"]),
                (["--info", "1"], [words(0, 0, 0)]),
                (["--save", "volatile", self.path("blob")],
                 [words(0, 2, len(blob), len(blob)) + blob]),
                (["--load", "savestate", self.make("empty", b"")], [words(0)]),
                (["--load", "volatile", self.make("large", blob)], [words(0)]),
                (["-i"], [words(0)]), (["--stop"], [words(0)]), (["-s"], [words(0)]),
                (["-v"], [words(0)]), (["-C"], [words(0)]), (["-l", "2"], [words(0)]),
                (["-r", "4"], [words(0)]), (["-h", "abc"], [words(0)] * 3)]:
            self.compare(command, answers)
        self.assertEqual(self.contents("blob"), blob)

    def test_every_call_refused(self):
        # Without the bit of TPM_RETRY, for which Debian's looks.
        for code in (1, TPM_FAIL, 0x101, 0x80280400, 0xfffff7ff):
            for command in (["-e"], ["-g"], ["-b", "1"], ["--info", "1"], ["-i"], ["--stop"],
                            ["-s"], ["-v"], ["-C"], ["-l", "2"], ["-r", "4"], ["-h", "abc"],
                            ["--load", "volatile", self.make("blob", b"abc")]):
                self.compare(command, [words(code)])
            self.compare(["--save", "permanent", self.path("blob")], [words(code, 0, 0, 0)])
            self.compare(["-h", "abc"], [words(0), words(code)])
            self.compare(["-h", "abc"], [words(0), words(0), words(code)])

    def test_a_state_that_the_tpm_does_not_have_is_saved_as_an_empty_file(self):
        self.compare(["--save", "savestate", self.path("blob")], [words(TPM_RETRY, 0, 0, 0)])
        self.assertEqual(self.contents("blob"), b"")


class BeyondDebians(TestCase):
    """What Debian's swtpm_ioctl does not know or does not do."""

    def exchange(self, command, answers, **options):
        with FakeServer(control_request_size, answers, **options) as server:
            return self.ioctl(*server.options, *command), server.requests

    def test_lock_storage(self):
        done, requests = self.exchange(["--lock-storage", "300"], [words(0)])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assertEqual(requests, [words(19, 300)])

    def test_lock_storage_refused(self):
        done, _ = self.exchange(["--lock-storage", "0"], [words(0x101)])
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"TPM result from PTM_LOCK_STORAGE: 0x101\n"))

    def test_information_in_several_parts(self):
        text = b'{"long":"' + b"x" * 7000 + b'"}\0'

        def answer(request):
            offset, = struct.unpack_from(">I", request, 12)
            part = text[offset:offset + PART_MAX]
            return words(0, len(text), len(part)) + part

        done, requests = self.exchange(["--info", "1"], answer)
        self.assertEqual((done.returncode, done.stdout), (0, text[:-1] + b"\n"))
        self.assertEqual([request[12:16] for request in requests],
                         [words(0), words(PART_MAX), words(2 * PART_MAX)])

    def test_a_blob_in_several_answers(self):
        blob = bytes(range(251)) * 40

        def answer(request):
            offset, = struct.unpack_from(">I", request, 12)
            part = blob[offset:offset + PART_MAX]
            return words(0, 0, len(blob), len(part)) + part

        done, _ = self.exchange(["--save", "permanent", self.path("blob")], answer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(self.contents("blob"), blob)

    def test_a_server_that_refuses_a_large_blob_before_it_has_read_it(self):
        with FakeServer(lambda _: 16, [words(TPM_BAD_ORDINAL)]) as server:
            done = self.ioctl(*server.options, "--load", "volatile",
                              self.make("blob", bytes(4 << 20)))
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"TPM result from PTM_SET_STATEBLOB: 0xa\n"))

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            self.skipTest(f"no IPv6 on this machine: {error}")
        done, requests = self.exchange(["-c"], [words(0, 1)], family=socket.AF_INET6)
        self.assertEqual((done.returncode, done.stdout), (0, b"ptm capability is 0x1\n"))
        self.assertEqual(requests, [words(1)])

    def test_host_without_port_and_port_without_host(self):
        with FakeServer(control_request_size, [words(0, 1)], socket.AF_INET) as server:
            port = server.options[1].rpartition(":")[2]
            self.must("--tcp", f":{port}", "-c")
        # Nothing listens on this address of the loopback.
        for host in ("127.6.5.46", "127.6.5.46:", "[127.6.5.46]", "[127.6.5.46]:"):
            self.assert_fails(self.ioctl("--tcp", host, "-c"), "127.6.5.46:6546", "refused")

    def test_help_and_version(self):
        for option in ("--help", "--version"):
            done = self.ioctl(option)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertRegex(self.ioctl("--version").stdout.decode(), r"\bversion \d+\.\d+\.\d+\n")
        for command in ioctl_session.COMMANDS + [["--lock-storage"], ["-s"]]:
            self.assertRegex(self.ioctl("--help").stdout.decode(), rf"(?m)^  {command[0]}\b")


class Files(TestCase):
    """What --save leaves behind and what --load takes."""

    BLOB = b"\x02\x01 a state"

    def save(self, path, answer=None, **options):
        if answer is None:
            answer = words(0, 0, len(self.BLOB), len(self.BLOB)) + self.BLOB
        with FakeServer(control_request_size, [answer]) as server:
            return self.ioctl(*server.options, "--save", "permanent", path, **options)

    def load(self, path, **options):
        with FakeServer(control_request_size, [words(0)]) as server:
            done = self.ioctl(*server.options, "--load", "permanent", path, **options)
        return done, b"".join(request[16:] for request in server.requests)

    def test_a_saved_file_is_for_its_owner_alone(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.assertEqual(self.save(self.path("blob")).returncode, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("blob")).st_mode), 0o600)

    def test_it_takes_the_place_of_another_with_a_wider_mode(self):
        os.chmod(self.make("blob", b"old"), 0o644)
        self.assertEqual(self.save(self.path("blob")).returncode, 0)
        self.assertEqual(self.contents("blob"), self.BLOB)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("blob")).st_mode), 0o600)
        self.assertEqual(os.listdir(self.directory), ["blob"])

    def test_the_old_file_stays_when_there_is_nothing_to_save(self):
        path = self.make("blob", b"old")
        for answer in (words(TPM_BAD_ORDINAL), words(0, 0, 100, 100) + b"cut off", b"", words(0)):
            with self.subTest(answer=answer):
                self.assertEqual(self.save(path, answer).returncode, 1)
                self.assertEqual(self.contents("blob"), b"old")
                self.assertEqual(os.listdir(self.directory), ["blob"])

    def test_no_file_is_made_when_there_is_nothing_to_save(self):
        self.assertEqual(self.save(self.path("blob"), words(TPM_BAD_ORDINAL)).returncode, 1)
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_symbolic_link_is_not_written_through_and_not_replaced(self):
        target = self.make("target", b"precious")
        for name, aim in (("link", target), ("dangling", self.path("nothing"))):
            os.symlink(aim, self.path(name))
            self.assert_fails(self.save(self.path(name)), self.path(name), "symbolic link, which")
            self.assertTrue(os.path.islink(self.path(name)))
        self.assertEqual(self.contents("target"), b"precious")
        self.assertFalse(os.path.exists(self.path("nothing")))

    def test_places_where_no_file_can_be(self):
        for path in (self.path("none/blob"), self.directory, self.path("x" * 300), ""):
            self.assert_fails(self.save(path), f"'{path}'")
        self.assertEqual(os.listdir(self.directory), [])

    @unittest.skipIf(VARIANT == "coverage", "a limit on file sizes would stop gcov's report too")
    def test_nothing_is_left_of_a_file_that_cannot_be_written(self):
        path = self.make("blob", b"old")
        limits = (len(self.BLOB) - 1,) * 2
        # Python ignores SIGXFSZ, and so does what it starts without restoring signals.
        done = self.save(path, restore_signals=False,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
        self.assert_fails(done, path, "File too large")
        self.assertEqual(self.contents("blob"), b"old")
        self.assertEqual(os.listdir(self.directory), ["blob"])

    def test_a_device_is_written_to_and_not_replaced(self):
        self.assertEqual(self.save("/dev/null").returncode, 0)
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.assert_fails(self.save("/dev/full"), "/dev/full", "No space left")

    def test_a_fifo(self):
        os.mkfifo(self.path("fifo"))
        with subprocess.Popen(["cat", self.path("fifo")], stdout=subprocess.PIPE) as reader:
            self.assertEqual(self.save(self.path("fifo")).returncode, 0)
            self.assertEqual(reader.communicate(timeout=PATIENCE)[0], self.BLOB)

    def test_an_open_descriptor(self):
        self.assertEqual(self.save("/dev/stdout").stdout, self.BLOB)
        read, write = os.pipe()
        with open(read, "rb") as reader:
            done = self.save(f"/dev/fd/{write}", pass_fds=(write,))
            os.close(write)
            self.assertEqual((done.returncode, reader.read()), (0, self.BLOB))
        self.assert_fails(self.save("/dev/fd/777"), "/dev/fd/777", "Bad file descriptor")

    def test_loading_from_files_links_and_pipes(self):
        path = self.make("blob", self.BLOB)
        os.symlink(path, self.path("link"))
        self.assertEqual(self.load(path)[1], self.BLOB)
        self.assertEqual(self.load(self.path("link"))[1], self.BLOB)
        self.assertEqual(self.load("/dev/stdin", input=self.BLOB)[1], self.BLOB)

    def test_nothing_is_sent_of_a_file_that_cannot_be_read(self):
        with open(self.path("huge"), "wb") as file:
            file.truncate((16 << 20) + 1)
        for path, reason in ((self.path("none"), "No such file"), (self.directory, "directory"),
                             (self.path("huge"), "16777216 bytes"),
                             ("/dev/zero", "16777216 bytes")):
            done, sent = self.load(path)
            self.assert_fails(done, f"'{path}'", reason)
            self.assertEqual(sent, b"")

    def test_standard_output_that_is_full(self):
        with FakeServer(control_request_size, [words(0, 1)]) as server, \
                open("/dev/full", "wb") as full:
            self.assert_fails(self.ioctl(*server.options, "-c", stdout=full), "standard output",
                              "No space left")


class WrongUse(TestCase):
    """Each is refused before anything is sent."""

    def test_wrong_command_lines(self):
        device = "/dev/null"
        for arguments, wanted in [
                ([], ["no command"]),
                ([device], ["no command"]),
                (["-c"], ["no TPM", "--unix"]),
                (["-c", device, device], ["surplus", device]),
                (["-c", "-e", device], ["-e", "-c"]),
                (["-i", "-i", device], ["-i"]),
                (["--bogus", device], ["--bogus", "--help"]),
                (["--lode", "permanent", "x", device], ["--lode", "--load"]),
                (["-x", device], ["-x", "--help"]),
                (["-ci", device], ["-ci"]),
                (["-c=1", device], ["-c", "no value"]),
                (["--stop=now", device], ["--stop", "no value"]),
                (["--save", "permanent"], ["--save", "TYPE FILE"]),
                (["--save"], ["--save", "TYPE FILE"]),
                (["--load", "volatile"], ["--load", "TYPE FILE"]),
                (["--save", "nothing", "x", device], ["--save", "'nothing'", "savestate"]),
                (["--load", "", "x", device], ["--load", "permanent"]),
                (["--tcp"], ["--tcp", "[HOST]:[PORT]"]),
                (["--unix"], ["--unix", "PATH"]),
                (["--tpm-device"], ["--tpm-device", "DEV"]),
                (["-h"], ["-h", "DATA"]),
                (["-c", "--tpm-device", device, device], [device, "one TPM"]),
                (["-c", "--unix", "/x", "--tcp", ":1"], ["--tcp", "/x", "one TPM"]),
                (["-c", "--unix", "/" + "x" * 200], ["--unix", "107"]),
                (["-c", "--tcp", ""], ["--tcp", "[HOST]:[PORT]"]),
                (["-c", "--tcp", "::1:6546"], ["--tcp", "brackets"]),
                (["-c", "--tcp", "[::1"], ["--tcp", "brackets"]),
                (["-c", "--tcp", "[::1]6546"], ["--tcp", "[::1]6546"]),
                (["-c", "--tcp", "h" * 300 + ":1"], ["--tcp", "300"])]:
            with self.subTest(arguments=arguments):
                self.assert_fails(self.ioctl(*arguments), *wanted)

    def test_wrong_numbers(self):
        for option, texts in [
                ("-l", ["5", "-1", "3x", "x", "", " 3", "0x3", "4294967296", "1.0"]),
                ("-r", ["5", "-1", "3x", "x", "", "99999999999999999999"]),
                ("-b", ["-1", "4096k", "", "4294967296", "0x1000"]),
                ("--info", ["-1", "1,2", "", "0x", "0x10000000000000000", "all"]),
                ("--lock-storage", ["-1", "", "ten", "4294967296"])]:
            for text in texts:
                with self.subTest(option=option, text=text):
                    self.assert_fails(self.ioctl(option, text, "/dev/null"), option, f"'{text}'",
                                      "give a number from 0 to")

    def test_wrong_ports(self):
        for port in ("0", "65536", "-1", "http", "1x", " 1"):
            with self.subTest(port=port):
                self.assert_fails(self.ioctl("-c", "--tcp", f"localhost:{port}"), "--tcp",
                                  f"'{port}'", "65535")

    def test_wrong_environment(self):
        for text in ("x", "-1", "1k", "16777217", "99999999999999999999"):
            with self.subTest(text=text):
                done = self.ioctl("-c", "/dev/null",
                                  environment={"SWTPM_IOCTL_BUFFERSIZE": text})
                self.assert_fails(done, "SWTPM_IOCTL_BUFFERSIZE", f"'{text}'")

    def test_nobody_there(self):
        self.assert_fails(self.ioctl("-c", "/dev/nothing-here"), "/dev/nothing-here",
                          "No such file")
        self.assert_fails(self.ioctl("-c", self.make("file", b"")), "not a character device")
        self.assert_fails(self.ioctl("-c", self.directory), self.directory)
        self.assert_fails(self.ioctl("-c", "/dev/null"), "PTM_GET_CAPABILITY", "/dev/null",
                          "Inappropriate ioctl")
        self.assert_fails(self.ioctl("-c", "--unix", self.path("none")), self.path("none"),
                          "No such file")
        self.assert_fails(self.ioctl("-c", "--unix", self.make("file", b"")), "refused")
        self.assert_fails(self.ioctl("-c", "--tcp", "127.6.5.46:1"), "127.6.5.46:1", "refused")
        self.assert_fails(self.ioctl("-c", "--tcp", "no-such-host.invalid:1"),
                          "no-such-host.invalid")

    def test_what_debians_refuses_is_refused_here(self):
        for arguments in ([], ["-c"], ["-l", "5", "/dev/null"], ["-l", "x", "/dev/null"],
                          ["-r", "9", "/dev/null"], ["-b", "x", "/dev/null"],
                          ["--info", "x", "/dev/null"], ["--save", "permanent"],
                          ["--save", "x", "y", "/dev/null"], ["-c", "-e", "/dev/null"],
                          ["-c", "--tcp", ":70000"], ["-c", "/dev/nothing-here"], ["--bogus"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(run(DEBIANS_IOCTL, *arguments).returncode, 1)
                self.assertEqual(self.ioctl(*arguments).returncode, 1)


class HostileServers(TestCase):
    """An answer that is too short, too long or contradicts itself is an error, and no more."""

    def fixed_answers(self):
        """Commands with the good answers of all their calls; the last is the one to spoil."""
        return [
            (["-c"], [words(0, 0x7fff)]), (["-i"], [words(0)]), (["--stop"], [words(0)]),
            (["-s"], [words(0)]), (["-e"], [words(0, 0)]), (["-r", "3"], [words(0)]),
            (["-v"], [words(0)]), (["-C"], [words(0)]), (["-l", "3"], [words(0)]),
            (["-h", ""], [words(0), words(0)]),
            (["-h", "x"], [words(0), words(0), words(0)]),
            (["-g"], [words(0, 1)]), (["-b", "0"], [words(0, 4096, 1024, 4096)]),
            (["--lock-storage", "0"], [words(0)]),
            (["--info", "1"], [words(0, 3, 3) + b"{}\0"]),
            (["--save", "permanent", self.path("blob")], [words(0, 0, 4, 4) + b"blob"]),
            (["--load", "permanent", self.make("load", b"blob")], [words(0)]),
        ]

    def answer(self, command, answers, family=socket.AF_UNIX):
        with FakeServer(control_request_size, answers, family) as server:
            return self.ioctl(*server.options, *command)

    def test_answers_that_are_too_short(self):
        for command, answers in self.fixed_answers():
            self.assertEqual(self.answer(command, answers).returncode, 0, command)
            for size in range(len(answers[-1])):
                with self.subTest(command=command, size=size):
                    short = answers[-1][:size]
                    done = self.answer(command, [*answers[:-1], short])
                    self.assert_fails(done, "PTM_", "too short")

    def test_answers_that_are_too_long(self):
        for command, answers in self.fixed_answers():
            for surplus in (b"x", bytes(5000)):
                with self.subTest(command=command, surplus=len(surplus)):
                    done = self.answer(command, [*answers[:-1], answers[-1] + surplus])
                    self.assert_fails(done, "PTM_", "too long")

    def test_a_server_that_hangs_up_at_once(self):
        for family in (socket.AF_UNIX, socket.AF_INET):
            for command, _ in self.fixed_answers():
                with self.subTest(command=command):
                    self.assert_fails(self.answer(command, [], family), "PTM_")

    def test_lengths_that_lie(self):
        huge = 0xffffffff
        for command, answer in [
                (["--info", "1"], words(0, huge, huge) + b"x"),
                (["--info", "1"], words(0, PART_MAX + 1, PART_MAX + 1) + bytes(PART_MAX + 1)),
                (["--info", "1"], words(0, 8000, 8000) + bytes(8000)),
                (["--info", "1"], words(0, huge, 1) + b"x"),
                (["--info", "1"], words(0, 1, 2) + b"xx"),
                (["--info", "1"], words(0, 1, 0)),
                (["--save", "permanent", self.path("blob")], words(0, 0, huge, huge) + b"x"),
                (["--save", "permanent", self.path("blob")], words(0, 0, huge, 1) + b"x"),
                (["--save", "permanent", self.path("blob")], words(0, 0, 1, 2) + b"xx"),
                (["--save", "permanent", self.path("blob")], words(0, 0, 1, 0))]:
            with self.subTest(command=command, answer=answer[:16].hex()):
                self.assert_fails(self.answer(command, [answer]), "PTM_")
                self.assertEqual(os.listdir(self.directory), [])

    def test_a_blob_that_changes_while_it_is_read(self):
        answers = [words(0, 0, 8, 4) + b"abcd", words(0, 0, 6, 4) + b"efgh"]
        self.assert_fails(self.answer(["--save", "permanent", self.path("blob")], answers),
                          "PTM_GET_STATEBLOB", "try again")

    def test_a_blob_that_never_ends(self):
        done = self.answer(["--save", "permanent", self.path("blob")],
                           lambda _: words(0, 0, 100, 0))
        self.assert_fails(done, "PTM_GET_STATEBLOB")


if __name__ == "__main__":
    unittest.main()
