# SPDX-License-Identifier: BSD-3-Clause
"""One session with swtpm_ioctl, our own or Debian's, on any kind of TPM: both must answer alike."""

import os

from programs import run

# From a TPM that does not run to one that has been shut down: each command where it succeeds, and
# where it is refused.  FILE:NAME stands for a file of that name in the directory
# of the session; FILE:truncated is there from the start.
COMMANDS = [
    ["-c"], ["-g"], ["-e"], ["-v"], ["-C"], ["-r", "3"], ["-h", "data"],
    ["-l", "0"], ["-l", "3"], ["-l", "4"],
    ["-b", "0"], ["-b", "3500"], ["-b", "1"], ["-b", "999999"],
    ["--info", "0"], ["--info", "1"], ["--info", "0x2"], ["--info", "4"], ["--info", "0x1f"],
    ["--save", "permanent", "FILE:early"],
    ["--stop"], ["-i"], ["-i"],
    ["-c"], ["-g"], ["-e"], ["-l", "0"], ["-b", "0"], ["-b", "3500"],
    ["-r", "0"], ["-r", "2"], ["-r", "3"], ["-r", "4"],
    ["-h", "data"], ["-e"], ["-h", ""], ["-h", "x" * 4096], ["-h", "x" * 10000], ["-e"],
    ["-r", "3"], ["-e"], ["-v"], ["--info", "0x1f"],
    ["--save", "permanent", "FILE:permanent"], ["--save", "volatile", "FILE:volatile"],
    ["--save", "savestate", "FILE:savestate"],
    ["--load", "permanent", "FILE:permanent"],
    ["--stop"], ["-e"],
    ["--load", "permanent", "FILE:permanent"], ["--load", "volatile", "FILE:volatile"],
    ["--load", "savestate", "FILE:savestate"],
    ["-i"], ["-e"], ["--stop"],
    ["--load", "permanent", "FILE:truncated"],
]

_TRUNCATED_BLOB = bytes.fromhex("0201000a0004ffffffff")


def answers(program, address, directory, **options):
    """(exit status, standard output, standard error) of each of COMMANDS.  `address` are the
    options that name the TPM, which must not run yet; files are made in `directory`."""
    with open(os.path.join(directory, "truncated"), "wb") as file:
        file.write(_TRUNCATED_BLOB)
    result = []
    for command in COMMANDS:
        command = [os.path.join(directory, argument[5:]) if argument.startswith("FILE:")
                   else argument for argument in command]
        done = run(program, *address, *command, **options)
        result.append((done.returncode, done.stdout, done.stderr))
    return result
