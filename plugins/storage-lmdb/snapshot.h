/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_SNAPSHOT_H
#define STORAGE_LMDB_SNAPSHOT_H

#include <lmdb.h>

#include "library.h"
#include "verify.h"

/* Snapshots of an environment that others write to meanwhile: what verify.h checks must be what
 * LMDB reads.  The gate is held, shared at least. */

/* How often a snapshot is begun anew that others have written over before it was looked at. */
enum { SNAPSHOT_TRIES = 100 };

/* A read transaction.  Where the table of readers cannot be used, because it is full or because a
 * process of another pid namespace stands in it with this one's number, the writer's mutex gives a
 * snapshot just as well.  0 or a result of LMDB. */
int snapshot_begin(const struct environment *environment, MDB_txn **transaction);

/* What the transaction sees.  A writer's own number is that of the commit to come. */
struct verify_snapshot snapshot_of(const struct environment *environment, MDB_txn *transaction);

#endif
