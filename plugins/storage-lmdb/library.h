/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_LIBRARY_H
#define STORAGE_LMDB_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include <lmdb.h>

#include "directory.h"
#include "swtpm_plugin.h"

/*
 * LMDB's own handle of an environment: opened only after what LMDB reads there was checked, opened
 * anew after a failure that it does not recover from, and remapped when the file outgrows the map.
 * For environment.c, which keeps one for each environment, and for what works with it
 * (snapshot.h, transaction.c).
 */

struct environment {
    struct environment *next;
    unsigned users; /* guarded by registry_guard */
    pid_t owner;    /* a forked child must not use what its parent opened */
    struct directory directory;
    struct directory_identity data_identity;
    /* Transactions hold it shared; whoever moves the map, opens the library anew or changes one of
     * the two fields below holds it exclusively. */
    pthread_rwlock_t gate;
    size_t map_limit;
    bool read_only;
    MDB_env *library; /* NULL after a failure; the next transaction opens it again */
    MDB_dbi database;
    bool lockless; /* opened without lock.mdb: nobody else had it open */
    /* The files in use, to notice that somebody removed them or cut them off; O_PATH for lock.mdb,
     * since closing a real descriptor would drop LMDB's locks on it. */
    int data_fd;
    _Atomic off_t data_size; /* that was seen last */
    int library_lock_fd;
    off_t library_lock_size; /* that is mapped; 0: nothing yet */
};

/* Opens LMDB's handle, checks its files and the format of the records, and learns the identity of
 * the data file, if that is not known yet.  0 or a result; then nothing is open. */
int library_open(struct environment *environment, struct swtpm_plugin_error *error);

/* Closes what is open, if anything.  No transaction may run. */
void library_close(struct environment *environment);

/* Opens anew what a failure has made useless.  The caller must not hold the gate.  0 or a
 * result. */
int library_reopen(struct environment *environment, struct swtpm_plugin_error *error);

/* Maps all that is in use, which others may have enlarged; with `grow`, more than so far.  The
 * caller must not hold the gate.  A status (result.h): MDB_MAP_FULL if the limit is reached. */
int library_resize(struct environment *environment, bool grow);

/* For one more handle that is going to write: the map may grow to the limit that it asks for, in
 * bytes.  The caller must not hold the gate.  0 or a result; then all is as it was. */
int library_extend(struct environment *environment, size_t map_limit,
                   struct swtpm_plugin_error *error);

/* A status: SWTPM_PLUGIN_FENCED if a part of lock.mdb that is mapped was cut off, which would be a
 * SIGBUS. */
int library_check_lock_file(const struct environment *environment);

#endif
