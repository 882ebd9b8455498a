# SPDX-License-Identifier: BSD-3-Clause
"""Keys for stored states and state blobs, one of each kind, as files in a directory."""

import os

# What both swtpm_cuse and the original know, and what swtpm_cuse alone knows.
COMMON = ("none", "raw128", "raw256", "pbkdf2", "sha512")
OURS = ("gcm", "strong", "strong-gcm")

# What `swtpm-state list` prints of a state with such a key.
PRINTED = {
    "none": "plain",
    "raw128": "aes-128-cbc",
    "raw256": "aes-256-cbc",
    "pbkdf2": "aes-128-cbc",
    "sha512": "aes-256-cbc",
    "gcm": "aes-256-gcm",
    "strong": "aes-128-cbc, kdf=pbkdf2-strong",
    "strong-gcm": "aes-256-gcm, kdf=pbkdf2-strong",
}

_FILES = {
    "128.hex": b"0x00112233445566778899aabbccddeeff\n",
    "256.bin": bytes(range(32)),
    "passphrase": b"correct horse battery staple\n",
    "wrong-128.hex": b"ff112233445566778899aabbccddeeff",
    "wrong-256.bin": bytes(range(1, 33)),
    "wrong-passphrase": b"correct horse battery staples\n",
}

_ARGUMENTS = {
    "raw128": "file={}128.hex,format=hex,mode=aes-128-cbc",
    "raw256": "file={}256.bin,format=binary,mode=aes-256-cbc",
    "pbkdf2": "pwdfile={}passphrase,kdf=pbkdf2,mode=aes-128-cbc",
    "sha512": "pwdfile={}passphrase,kdf=sha512,mode=aes-256-cbc",
    "gcm": "file={}256.bin,format=binary,mode=aes-256-gcm",
    "strong": "pwdfile={}passphrase,kdf=pbkdf2-strong,mode=aes-128-cbc",
    "strong-gcm": "pwdfile={}passphrase,kdf=pbkdf2-strong,mode=aes-256-gcm",
}


class StateKeys:
    """The key files, in `directory`; whoever made that removes it."""

    def __init__(self, directory):
        self.directory = directory
        for name, content in _FILES.items():
            path = os.path.join(directory, name)
            with open(path, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(content)

    def argument(self, kind, wrong=False):
        """The argument of --key for a key of that kind, or one with another key."""
        prefix = os.path.join(self.directory, "wrong-" if wrong else "")
        return _ARGUMENTS[kind].format(prefix)

    def options(self, kind, option="--key", wrong=False):
        """[] for "none", else the option and its argument."""
        return [] if kind == "none" else [option, self.argument(kind, wrong)]
