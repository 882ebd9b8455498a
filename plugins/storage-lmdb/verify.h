/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_VERIFY_H
#define STORAGE_LMDB_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "swtpm_plugin.h"

/*
 * LMDB trusts its file: a number that points outside of it is a SIGBUS or worse, since the file is
 * mapped, and a page that is in use twice can make it abort.  So what a transaction will look at is
 * read and checked with pread(2) before LMDB follows anything in it: the pages between the root and
 * the wanted records, for a change the lists of free pages too.  That costs some microseconds,
 * however many TPMs there are.  The format is LMDB's data version 1 (libraries/liblmdb/mdb.c:
 * MDB_meta, MDB_page, MDB_node).
 *
 * verify_head and verify_records return a status (result.h) and fill in the damage that they find.
 */

struct verify_damage {
    const char *what; /* NULL: none was found */
    size_t page;
};

/* Checks what mdb_env_open reads: size of the file, both meta pages.  Sets *used to the bytes that
 * the newer one says are in use, which a map must cover. */
int verify_head(int fd, size_t *used, struct verify_damage *damage);

/* What a transaction sees. */
struct verify_snapshot {
    int fd;             /* the data file */
    size_t transaction; /* the number of the last commit; a reader must hold it */
    size_t records;     /* whose keys begin as last wished; no more were checked */
    struct verify_damage damage;
};

enum verify_extent {
    VERIFY_PREFIX = 1,     /* all records whose keys begin so */
    VERIFY_NEIGHBOURS = 2, /* the pages on both sides, which a deletion may join */
    VERIFY_FREE_PAGES = 4  /* the lists of free pages, in which none of all these may be */
};

/* What a transaction is going to do: look for one key, and what `extent`, of enum verify_extent,
 * adds.  An empty prefix is all there is. */
struct verify_wish {
    const void *key;
    size_t key_size; /* at most LMDB's 511 */
    unsigned extent;
};

/* Checks that every page that the wish leads to lies in the file, is of the right type, holds
 * nothing that points out of it, has no key that belongs elsewhere, and is used once.
 * SWTPM_PLUGIN_BUSY: others have committed meanwhile, so that a new snapshot is needed. */
int verify_records(struct verify_snapshot *snapshot, const struct verify_wish *wish);

/* Sets the message to what verify_head or verify_records found in `path`.  Returns the result. */
int verify_report(const struct verify_damage *damage, int status, const char *path,
                  struct swtpm_plugin_error *error);

/* Whether LMDB may free the pages of a value, which it numbers and counts by what stands before the
 * data on their first page.  `key` and `data` are where a cursor found them, sizes are in bytes. */
bool verify_value(const void *key, size_t key_size, const void *data, size_t data_size,
                  size_t page_size);

#endif
