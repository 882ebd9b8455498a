# SPDX-License-Identifier: BSD-3-Clause
"""swtpm_cuse beside Debian's `swtpm socket`: the same options are taken and refused, and the same
calls and commands get the same answers."""

import os
import re
import shutil
import struct
import tempfile
import unittest

import tpm2
import tpm12
from tpm_hosts import DebianHost, DeviceHost, HostError

HOSTS = (DebianHost, DeviceHost)
DIGITS = b"00112233445566778899aabbccddeeff"

# name: content
FILES = {
    "hex": DIGITS, "newline": DIGITS + b"\n", "crlf": DIGITS + b"\r\n", "0x": b"0x" + DIGITS,
    "0X": b"0X" + DIGITS, "upper": DIGITS.upper(), "words": DIGITS + b" and words",
    "blank": b" " + DIGITS, "short": DIGITS[:-1], "long": DIGITS + b"0", "letters": b"z" * 32,
    "hex256": DIGITS * 2, "bytes": bytes(16), "bytes15": bytes(15), "bytes17": bytes(17),
    "bytes256": bytes(32), "none": b"", "phrase": b"passphrase\n", "large": b"x" * 5000,
}

KEYS = [
    *(f"file={name}" for name in FILES), "file=missing", "file=hex,format=hex",
    "file=bytes,format=binary", "file=bytes15,format=binary", "file=bytes17,format=binary",
    "file=bytes256,format=binary", "file=bytes256,format=binary,mode=aes-256-cbc",
    "file=bytes,format=raw", "file=hex,mode=aes-cbc", "file=hex,mode=aes-128-cbc",
    "file=hex,mode=aes-256-cbc", "file=hex256,mode=aes-256-cbc", "file=hex,mode=AES-CBC",
    "file=hex,remove", "file=hex,remove=true", "file=hex,remove=TRUE", "file=hex,remove=1",
    "file=hex,remove=false", "file=hex,remove=yes", "format=hex,file=hex", "file=hex,,remove",
    "pwdfile=phrase", "pwdfile=phrase,kdf=pbkdf2", "pwdfile=phrase,kdf=sha512,remove",
    "pwdfile=phrase,kdf=other", "pwdfile=large", "pwdfile=missing", "fd=-1", "fd=x", "fd=",
    "mode=aes-cbc", "file=", "file", "", "file=hex,other", " file=hex",
]


def is_for(variant):
    return None if variant == "release" else f"seen from outside, all are alike ({variant})"


class TestCase(unittest.TestCase):

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="swtpm-same-test.")
        self.addCleanup(shutil.rmtree, self.directory)

    def state(self):
        return tempfile.mkdtemp(dir=self.directory)

    def compare(self, observe, *arguments):
        """What `observe` sees of both; returns it."""
        debian, our = (observe(kind_of_host, *arguments) for kind_of_host in HOSTS)
        self.assertEqual(our, debian)
        return our


class Options(TestCase):

    def after_the_start(self, kind_of_host, option, text):
        """Whether it started, and which of the files are left."""
        place = tempfile.mkdtemp(dir=self.directory)
        for name, content in FILES.items():
            with open(os.path.join(place, name), "wb") as file:
                file.write(content)
        text = re.sub(r"file=(?=[^,])", f"file={place}/", text)
        try:
            with kind_of_host(True, self.state(), [option, text]):
                started = True
        except (RuntimeError, AssertionError):
            started = False
        return started, sorted(os.listdir(place))

    def test_keys(self):
        seen = set()
        for text in KEYS:
            with self.subTest(text=text):
                seen.add(self.compare(self.after_the_start, "--key", text)[0])
        self.assertEqual(seen, {True, False})

    def test_others(self):
        for option, texts in [
                ("--seccomp", ["action=kill", "action=none", "action=KILL", "action", "none"]),
                ("--locality", ["reject-locality-4,allow-set-locality", "", "reject-locality-3"]),
                ("--flags", ["not-need-init", "", "startup", "not-need-init,startup-none",
                             "startup-deactivated"])]:
            for text in texts:
                with self.subTest(option=option, text=text):
                    self.compare(self.after_the_start, option, text)


class Answers(TestCase):

    def responses(self, kind_of_host, tpm_2, options, commands):
        with kind_of_host(tpm_2, self.state(), options) as host:
            if "--flags" not in options:
                host.init()
                host.guest.tpm.startup()
            file = host.guest.file
            return [self.response(file, command) for command in commands]

    @staticmethod
    def response(file, command):
        file.write(command)
        return bytes(file.read())

    def test_a_tpm_2_that_is_started_by_an_option(self):
        commands = [tpm2.pcr_read(0), tpm2.startup(), tpm2.pcr_read(0)]
        for flag in ("not-need-init", "startup-none", "startup-clear", "startup-state"):
            with self.subTest(flag=flag):
                self.compare(self.responses, True, ["--flags", flag], commands)

    def test_a_tpm_1_2_that_is_started_by_an_option(self):
        commands = [tpm12.pcr_read(0), tpm12.startup(), tpm12.pcr_read(0)]
        for flag in ("startup-state", "startup-deactivated"):
            with self.subTest(flag=flag):
                self.compare(self.responses, False, ["--flags", flag], commands)

    def test_the_vendor_command_set_locality(self):
        for tpm_2, tag in ((True, tpm2.NO_SESSIONS), (False, tpm12.TAG_COMMAND)):
            commands = [struct.pack(">HIIB", tag, 11, 0x20001000, locality)
                        for locality in (0, 3, 4, 5, 255)]
            for text in ("", "allow-set-locality", "allow-set-locality,reject-locality-4"):
                with self.subTest(tpm_2=tpm_2, text=text):
                    seen = self.compare(self.responses, tpm_2, ["--locality", text], commands)
                    self.assertGreater(len(set(seen)), 1 if text else 0)


class Blobs(TestCase):

    def load(self, kind_of_host, blob):
        with kind_of_host(True, self.state()) as host:
            try:
                host.load("permanent", blob)
            except HostError as error:
                return error.result
            host.init()
            return 0

    def test_what_is_no_blob(self):
        with DeviceHost(True, self.state()) as host:
            host.init()
            blob = host.save("permanent")

        def with_header(version=2, minimum=1, flags=4, body=blob[10:]):
            return struct.pack(">BBHHI", version, minimum, 10, flags, 10 + len(body)) + body

        results = set()
        for changed in (blob, b"", blob[:1], blob[:9], blob[:10], blob[:-3], blob + b"x",
                        with_header(3, 3), with_header(2, 2), with_header(flags=5),
                        with_header(flags=6), with_header(body=blob[10:-3]),
                        with_header(body=b"\0\t" + blob[12:])):
            with self.subTest(blob=changed[:20].hex(), size=len(changed)):
                results.add(self.compare(self.load, changed))
        self.assertGreater(len(results), 4)


if __name__ == "__main__":
    unittest.main()
