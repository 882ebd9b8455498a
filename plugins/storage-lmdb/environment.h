/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_ENVIRONMENT_H
#define STORAGE_LMDB_ENVIRONMENT_H

#include <stdbool.h>

#include "directory.h"
#include "location.h"
#include "record.h"

/*
 * An LMDB environment, opened once in the process however many handles use it: LMDB's own locks
 * are POSIX record locks, which a second opening and closing would drop.  May be used by several
 * threads at once.
 *
 * Transactions live for one call of environment_read or environment_write.  Both repeat the body,
 * if they have to: after another process has grown the file beyond this one's map, after the map
 * has become full and was enlarged, and after a failure that LMDB does not recover from, when the
 * environment is opened anew.  So a body has no effect but on its transaction and its context.
 *
 * How durable: LMDB writes the pages of a transaction to free places of the file, syncs them
 * (fdatasync), then writes the meta page that makes them the state in force through a descriptor
 * with O_DSYNC.  A transaction that need not be durable leaves out the latter sync only
 * (MDB_NOMETASYNC): after a power loss the state before it may be in force again, but it is whole.
 * MDB_NOSYNC is not used, because a power loss could then show the new meta page without its
 * pages, and all TPMs share them.
 */

struct environment;

/* The environment at `location`; `flags` are of enum swtpm_storage_open_flag.  0 or a result. */
int environment_acquire(const struct location *location, uint32_t flags,
                        struct environment **environment, struct swtpm_plugin_error *error);

/* Ends one use; the last one closes the environment. */
void environment_release(struct environment *environment);

/* Its absolute directory; lives as long as the environment. */
const char *environment_directory(const struct environment *environment);
const struct directory *environment_place(const struct environment *environment);

/* Works in a transaction; returns a status (result.h), and anything but 0 undoes it. */
typedef int (*environment_body)(const struct records *records, void *context);

/* Runs the body on a snapshot, which it must not change.  0, or a result with a message: that the
 * attempt to `what` failed, and why. */
int environment_read(struct environment *environment, environment_body body, void *context,
                     const char *what, struct swtpm_plugin_error *error);

/* Runs the body as the environment's only writer and commits.  Not after environment_acquire with
 * SWTPM_STORAGE_READ_ONLY. */
int environment_write(struct environment *environment, bool durable, environment_body body,
                      void *context, const char *what, struct swtpm_plugin_error *error);

#endif
