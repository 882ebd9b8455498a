/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_RECORD_H
#define STORAGE_LMDB_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <lmdb.h>

#include "swtpm_plugin.h"
#include "verify.h"

/*
 * What the environment holds, all in its unnamed database:
 *
 *   key "F"                       the format and the number that the next new TPM gets
 *   key "T" name-of-TPM           the TPM's number, 8 bytes big-endian, from 1 on, never reused
 *   key "V" number name-of-value  a checksum of key and value, 8 bytes big-endian, and the value
 *
 * The record of a TPM stays when its last value goes: its number is the place of the TPM's lock,
 * and a number that somebody holds a lock on must not become somebody else's.
 *
 * All functions work in a transaction of the caller and return a status (result.h).  Before LMDB
 * looks for anything, they check the way there (verify.h); SWTPM_PLUGIN_BUSY means that the
 * transaction is to be begun anew.
 */

/* A transaction, and the snapshot that it began with. */
struct records {
    MDB_txn *transaction;
    MDB_dbi database;
    struct verify_snapshot *snapshot;
};

/* A visitor of one value's name and size; anything but 0 ends the visit. */
typedef int (*record_visitor)(void *context, const char *name, uint64_t size);

/* Marks an environment that was made just now as one of this plugin. */
int record_format_write(MDB_txn *transaction, MDB_dbi database);

/* Checks all pages of the environment, which takes the longer the more there are. */
int record_check_all(const struct records *records);

/* Checks the pages with the values of a TPM, and if these are to be changed the lists of free pages
 * too. */
int record_tpm_check(const struct records *records, uint64_t number, bool for_change);

/* 0 if the environment is one of this plugin and of this format; MDB_INCOMPATIBLE if not. */
int record_format_check(const struct records *records);

/* MDB_NOTFOUND if the environment knows no TPM of that name. */
int record_tpm_find(const struct records *records, const char *tpm, uint64_t *number);

/* Gives the TPM a number if it has none yet. */
int record_tpm_add(const struct records *records, const char *tpm, uint64_t *number);

/* A visitor of one TPM's name; anything but 0 ends the visit. */
typedef int (*record_tpm_visitor)(void *context, const char *tpm);

/* Visits each TPM once; MDB_CORRUPTED if one has a name that no location can have. */
int record_tpm_list(const struct records *records, record_tpm_visitor visit, void *context);

/* swtpm_storage_ops.get; MDB_CORRUPTED if the checksum does not fit.  `name` is valid. */
int record_value_get(const struct records *records, uint64_t number, const char *name,
                     struct swtpm_buffer buffer, size_t *size);

/* swtpm_storage_ops.put; `name` is valid and `value` not too large. */
int record_value_put(const struct records *records, uint64_t number, const char *name,
                     struct swtpm_bytes value);

/* MDB_NOTFOUND if there was none. */
int record_value_delete(const struct records *records, uint64_t number, const char *name);

/* Visits each value of a TPM once. */
int record_value_list(const struct records *records, uint64_t number, record_visitor visit,
                      void *context);

#endif
