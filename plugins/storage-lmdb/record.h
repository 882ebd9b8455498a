/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_RECORD_H
#define STORAGE_LMDB_RECORD_H

#include <stdint.h>

#include <lmdb.h>

#include "swtpm_plugin.h"

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
 * All functions work in a transaction of the caller and return a status (result.h).
 */

/* A visitor of one value's name and size; anything but 0 ends the visit. */
typedef int (*record_visitor)(void *context, const char *name, uint64_t size);

/* Marks an empty environment as one of this plugin. */
int record_format_write(MDB_txn *transaction, MDB_dbi records);

/* 0 if the environment is one of this plugin and of this format; MDB_INCOMPATIBLE if not. */
int record_format_check(MDB_txn *transaction, MDB_dbi records);

/* MDB_NOTFOUND if the environment knows no TPM of that name. */
int record_tpm_find(MDB_txn *transaction, MDB_dbi records, const char *tpm, uint64_t *number);

/* Gives the TPM a number if it has none yet. */
int record_tpm_add(MDB_txn *transaction, MDB_dbi records, const char *tpm, uint64_t *number);

/* A visitor of one TPM's name; anything but 0 ends the visit. */
typedef int (*record_tpm_visitor)(void *context, const char *tpm);

/* Visits each TPM once; MDB_CORRUPTED if one has a name that no location can have. */
int record_tpm_list(MDB_txn *transaction, MDB_dbi records, record_tpm_visitor visit,
                    void *context);

/* swtpm_storage_ops.get; MDB_CORRUPTED if the checksum does not fit.  `name` is valid. */
int record_value_get(MDB_txn *transaction, MDB_dbi records, uint64_t number, const char *name,
                     struct swtpm_buffer buffer, size_t *size);

int record_value_put(MDB_txn *transaction, MDB_dbi records, uint64_t number, const char *name,
                     struct swtpm_bytes value);

/* MDB_NOTFOUND if there was none. */
int record_value_delete(MDB_txn *transaction, MDB_dbi records, uint64_t number, const char *name);

/* Visits each value of a TPM once. */
int record_value_list(MDB_txn *transaction, MDB_dbi records, uint64_t number, record_visitor visit,
                      void *context);

#endif
