# SPDX-License-Identifier: BSD-3-Clause
"""Points that have shown an error; each run of a sample tries them again first.

A number is that of a call, and moves with the code; these are among the first of their class."""

FOUND = (
    # A terminal or /dev/null as standard error: libtpms' report was a system call too many.
    ("write-background", "storage.put:1:IO"),
    ("terminate-background", "storage.put:1:IO"),
    # The TPM that ended could not be stored, and that was in the log alone.
    ("stop-and-init", "storage.put:1:NO_SPACE"),
    ("shutdown", "sync:1:EIO"),
    ("terminate", "storage.put:1:IO"),
    # A key that did not follow from the seed, since libtpms does not look whether OpenSSL failed.
    ("make-key", "random:6:EAGAIN"),
    # An interrupted call that was not made again.
    ("start", "read:1:EINTR"),
    ("start", "write:9:EINTR"),
    ("start-background", "write:6:EINTR"),
    # A report that was lost, and a parent that waited for ever.
    ("start-background", "write:6:EIO"),
    ("start-background", "read:5:EIO"),
)
