/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_LMDB_EDITS_H
#define TESTS_FUZZ_LMDB_EDITS_H

#include "fuzz.h"

/*
 * Damage to an LMDB data file, as an input asks for it (mdb.c: MDB_meta, MDB_page, MDB_node).
 */

enum {
    LMDB_PAGE = 4096,
    LMDB_PAGE_HEAD = 16,
    LMDB_NODE_HEAD = 8,
    LMDB_LAST_PAGE_AT = LMDB_PAGE_HEAD + 120 /* on a meta page */
};

/* The bytes of a file, with room for one page more. */
struct lmdb_image {
    uint8_t *bytes;
    size_t size; /* whole pages, in bytes */
};

/* Makes the edits that the input lists.  Returns the size that the file is to have then, at most a
 * page more than the image. */
size_t lmdb_edit(struct input *input, struct lmdb_image *image);

/* Makes a number of `size` bytes wrong by one, or by a page, in one of four ways. */
void lmdb_nudge(uint8_t *number, size_t size, uint8_t way);

#endif
