# SPDX-License-Identifier: BSD-3-Clause
"""How the tables of test_options.py are written.  For what words stand see option_place.py."""

from store import STORAGE, tpmstate

FAILURE, USAGE = 1, 2

# The leak checker wants /proc, which a new root directory hides.
IN_CHROOT = {"ASAN_OPTIONS": "detect_leaks=0"}

# Words of a TPM 2 that answers commands.
STARTED = ("--tpm2", "--flags", "startup-clear")

# Where the state is kept unless a use says otherwise: the path, and the argument of --tpmstate.
STORE = "state/store" if STORAGE == "file" else "state"
HERE = tpmstate(f"DIR/{STORE}")

# The file of the state in a directory.
PERMANENT = "state/tpm2-00.permall"


class Use:
    """Words that serve a device; `check(place)` looks at it, `check_end(place)` at what is left.
    `before` are the words of a daemon that was started and ended first."""

    def __init__(self, *words, check=None, check_end=None, before=None, environment=None,
                 needs=None):
        self.words = words
        self.check = check
        self.check_end = check_end
        self.before = before
        self.environment = environment
        self.needs = needs  # see Options.skip_unless in test_options.py


class Prints:
    """Words that print a text with this pattern, and end.  They are not completed; `before` as in
    Use."""

    def __init__(self, *words, pattern, before=None, environment=None, needs=None):
        self.words = words
        self.pattern = pattern
        self.before = before
        self.environment = environment
        self.needs = needs


class Bad:
    """Words that are refused with a message that holds the pieces of `says`.  They are completed
    like those of a Use unless they are `whole`.  Nothing may have changed on the disk but, with
    `leaves_state`, in the state's directory."""

    def __init__(self, *words, says, code=USAGE, whole=False, leaves_state=False,
                 environment=None, needs=None):
        self.words = words
        self.says = [says] if isinstance(says, str) else says
        self.code = code
        self.whole = whole
        self.leaves_state = leaves_state
        self.environment = environment
        self.needs = needs
