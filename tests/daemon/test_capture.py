# SPDX-License-Identifier: BSD-3-Clause
"""--pcap: what Wireshark's tshark makes of the file, and that nothing about it disturbs the TPM."""

import os
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

import tpm2
from daemon import PATIENCE, VARIANT, Daemon
from ptm import Control
from store import only_for
from tpm2 import Tpm2
from tpm_test import MOMENT, SlowCommand

CC_CREATE_PRIMARY, CC_STARTUP, CC_SHUTDOWN, CC_GET_RANDOM = 0x131, 0x144, 0x145, 0x17B
PORT = 2321


def is_for(_variant):
    return None if shutil.which("tshark") else "tshark is not installed"


class Packet:
    """One packet as tshark sees it."""

    FIELDS = ("frame.time_epoch", "tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.payload",
              "tpm.req.cc", "tpm.resp.rc", "tcp.checksum.status", "ip.checksum.status",
              "tcp.analysis.flags", "_ws.malformed", "frame.interface_name")

    def __init__(self, line):
        values = dict(zip(self.FIELDS, line.split("\t")))
        self.time = float(values["frame.time_epoch"])
        self.stream = int(values["tcp.stream"])
        self.is_command = int(values["tcp.dstport"]) == PORT
        self.payload = bytes.fromhex(values["tcp.payload"])
        self.command = int(values["tpm.req.cc"] or "0", 0)
        self.result = int(values["tpm.resp.rc"] or "-1", 0)
        self.checksums = (values["tcp.checksum.status"], values["ip.checksum.status"])
        self.complaints = values["tcp.analysis.flags"] + values["_ws.malformed"]
        self.interface = values["frame.interface_name"]


def tshark(path, *arguments):
    """Prints a capture; fails if tshark finds the file itself at fault."""
    done = subprocess.run(["tshark", "-r", path, *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def packets(path, everything=False):
    arguments = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"]
    for field in Packet.FIELDS:
        arguments += ["-e", field]
    if not everything:
        arguments += ["-Y", "tpm"]
    return [Packet(line) for line in tshark(path, *arguments).splitlines()]


def use(daemon):
    """Start-up, random bytes and a key; returns what went over the device."""
    exchanged = []
    with daemon.open() as file:
        Control(file).init()
        tpm = Tpm2(file)
        for command in (tpm2.startup(), tpm2.get_random(8),
                        tpm2.create_primary(tpm2.ecc_storage_template())):
            exchanged += [command, tpm.transmit(command)]
    return exchanged


def passing(redirection):
    """A wrapper that gives the daemon file descriptor 9."""
    return ["bash", "-c", f'exec "$@" 9{redirection}', "bash"]


class Capture(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-cuse-capture.")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "capture.pcapng")

    def run_daemon(self, options, wrapper=()):
        """One life of a daemon; returns what was exchanged, and its log."""
        with Daemon(options=["--pcap", options], wrapper=wrapper) as daemon:
            exchanged = use(daemon)
            self.assertEqual(daemon.terminate(), 0)
            return exchanged, daemon.log

    def test_every_command_and_response_is_there_to_the_byte(self):
        exchanged, log = self.run_daemon(f"file={self.path}")
        seen = packets(self.path)
        self.assertEqual([packet.payload for packet in seen[:len(exchanged)]], exchanged)
        self.assertEqual([packet.is_command for packet in seen], [True, False] * (len(seen) // 2))
        self.assertEqual(log, "")

    def test_the_dissector_decodes_them(self):
        self.run_daemon(f"file={self.path}")
        seen = packets(self.path)
        commands = [packet.command for packet in seen if packet.is_command]
        self.assertEqual(commands[:3], [CC_STARTUP, CC_GET_RANDOM, CC_CREATE_PRIMARY])
        self.assertTrue(all(packet.result == 0 for packet in seen if not packet.is_command))
        text = tshark(self.path, "-V", "-O", "tpm")
        self.assertIn("Command Code: TPM2_CC_GetRandom (0x0000017b)", text)
        self.assertIn("TPMI_RH_HIERARCHY: TPM2_RH_OWNER (0x40000001)", text)

    def test_the_shutdown_that_the_daemon_sends_is_there_too(self):
        self.run_daemon(f"file={self.path}")
        self.assertEqual(packets(self.path)[-2].command, CC_SHUTDOWN)

    def test_nothing_is_malformed_or_out_of_order(self):
        for options in ("", ",checksums"):
            self.run_daemon(f"file={self.path}{options}")
        everything = packets(self.path, everything=True)
        self.assertEqual([packet.complaints for packet in everything], [""] * len(everything))
        self.assertEqual({packet.stream for packet in everything}, {0, 1})
        self.assertEqual({packet.interface for packet in everything}, {"vtpm-test"})

    def test_checksums_are_right_where_they_were_asked_for(self):
        good, bad = "1", "0"
        self.run_daemon(f"file={self.path},checksums")
        self.assertEqual({packet.checksums for packet in packets(self.path)}, {(good, good)})
        self.run_daemon(f"file={self.path},truncate")
        self.assertEqual({packet.checksums for packet in packets(self.path)}, {(bad, bad)})

    def test_truncate_begins_anew_and_mode_is_that_of_a_new_file(self):
        self.run_daemon(f"file={self.path},mode=0600")
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o600)
        self.run_daemon(f"file={self.path},mode=0644")
        self.assertEqual({packet.stream for packet in packets(self.path)}, {0, 1})
        self.run_daemon(f"file={self.path},truncate")
        self.assertEqual({packet.stream for packet in packets(self.path)}, {0})
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o600)

    def test_a_response_has_the_time_of_its_end(self):
        def note_time(_):
            time.sleep(MOMENT)
            amid = time.time()
            time.sleep(MOMENT)
            return amid

        with Daemon(options=["--pcap", f"file={self.path}"]) as daemon, daemon.open() as file:
            Control(file).init()
            Tpm2(file).startup()
            amid, read = SlowCommand(file).during(note_time)
            read.wait()
        seen = packets(self.path)
        last = max(i for i, packet in enumerate(seen) if packet.command == CC_CREATE_PRIMARY)
        self.assertLess(seen[last].time, amid)
        self.assertGreater(seen[last + 1].time, amid)

    def test_commands_that_the_tpm_never_saw_are_shown_with_their_answer(self):
        with Daemon(options=["--pcap", f"file={self.path}"]) as daemon, daemon.open() as file:
            self.assertEqual(Tpm2(file).code(tpm2.startup()), tpm2.RC_FAILURE)
        command, response = packets(self.path)
        self.assertEqual((command.command, response.result), (CC_STARTUP, tpm2.RC_FAILURE))

    def test_a_descriptor_takes_the_capture(self):
        exchanged, _ = self.run_daemon("fd=9", passing(f"> {self.path}"))
        self.assertEqual([packet.payload for packet in packets(self.path)[:6]], exchanged)

    def fifo(self):
        path = os.path.join(self.directory, "fifo")
        os.mkfifo(path)
        return path

    def test_a_pipe_takes_the_capture(self):
        fifo = self.fifo()
        with open(self.path, "wb") as file:
            reader = subprocess.Popen(["cat", fifo], stdout=file)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        exchanged, log = self.run_daemon("fd=9", passing(f"> {fifo}"))
        self.assertEqual(reader.wait(PATIENCE), 0)
        self.assertEqual([packet.payload for packet in packets(self.path)[:6]], exchanged)
        self.assertEqual(log, "")

    def test_a_reader_that_goes_away_does_not_disturb_the_tpm(self):
        fifo = self.fifo()
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        with Daemon(options=["--pcap", "fd=9"], wrapper=passing(f"> {fifo}")) as daemon:
            exchanged = use(daemon)
            self.assertGreater(len(os.read(reader, 300)), 0)
            os.close(reader)
            exchanged += use(daemon)
            self.assertEqual(daemon.terminate(), 0)
            log = daemon.log
        self.assertTrue(all(struct.unpack_from(">I", response, 6)[0] == tpm2.RC_SUCCESS
                            for response in exchanged[1::2]))
        self.assertEqual(log.count("option --pcap: cannot write the capture"), 1, log)

    @only_for("dir", "file", reason="an environment does not fit below the limit on file sizes")
    @unittest.skipIf(VARIANT != "release", "a limit on file sizes would stop the report too")
    def test_a_full_medium_keeps_whole_packets(self):
        limit = ["bash", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash"]
        with Daemon(options=["--pcap", f"file={self.path}", "--seccomp", "action=kill"],
                    wrapper=limit) as daemon, daemon.open() as file:
            for _ in range(50):
                self.assertEqual(Tpm2(file).code(tpm2.startup()), tpm2.RC_FAILURE)
            self.assertIn("cannot write the capture", daemon.log)
        everything = packets(self.path, everything=True)
        self.assertGreater(len(everything), 3)
        self.assertEqual({packet.complaints for packet in everything}, {""})

    def test_what_cannot_be_a_capture_is_refused_before_anything_else(self):
        link = os.path.join(self.directory, "link")
        text = os.path.join(self.directory, "text")
        os.symlink(self.path, link)
        with open(text, "w", encoding="ascii") as file:
            file.write("not a capture")
        for path, message in ((link, "symbolic link"), (text, "no pcapng file"),
                              (self.directory, "Is a directory"), ("/dev/null", "regular file"),
                              (f"{self.directory}/no/such", "No such file")):
            with self.subTest(path=path):
                daemon = Daemon(options=["--pcap", f"file={path}"])
                self.addCleanup(daemon.discard)
                self.assertNotEqual(daemon.expect_failure(), 0)
                self.assertIn("option --pcap:", daemon.stderr)
                self.assertIn(message, daemon.stderr)
                self.assertIn(path, daemon.stderr)
                self.assertFalse(os.path.exists(daemon.state_directory))
        with open(text, encoding="ascii") as file:
            self.assertEqual(file.read(), "not a capture")
        self.assertFalse(os.path.exists(self.path))


if __name__ == "__main__":
    unittest.main()
