/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_VERIFY_H
#define STORAGE_LMDB_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "swtpm_plugin.h"

/*
 * LMDB trusts its file: a number that points outside of it is a SIGBUS or worse, since the file is
 * mapped.  So the file is read and checked with pread(2) before LMDB follows anything in it.  The
 * format is LMDB's data version 1 (libraries/liblmdb/mdb.c: MDB_meta, MDB_page, MDB_node).
 *
 * verify_head and verify_snapshot return 0 or a result whose message names `path`.
 */

/* Checks what mdb_env_open reads: size of the file, both meta pages.  Sets *used to the bytes that
 * the newer one says are in use, which a map must cover. */
int verify_head(int fd, const char *path, size_t *used, struct swtpm_plugin_error *error);

/* Checks the snapshot of that transaction, which a reader must hold: every page that its two trees
 * reach lies in the file, is of the right type, holds nothing that points out of it, is used once,
 * and is not in the list of free pages too. */
int verify_snapshot(int fd, const char *path, size_t transaction, struct swtpm_plugin_error *error);

/* Whether LMDB may free the pages of a value, which it numbers and counts by what stands before the
 * data on their first page.  `key` and `data` are where a cursor found them, sizes are in bytes. */
bool verify_value(const void *key, size_t key_size, const void *data, size_t data_size,
                  size_t page_size);

#endif
