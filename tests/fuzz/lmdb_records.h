/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_LMDB_RECORDS_H
#define TESTS_FUZZ_LMDB_RECORDS_H

#include <stdbool.h>

/* Whether storage-lmdb's check of a whole environment lets it through.  Then each record must have a
 * place of its own, within a page or on pages that are its own.  `place` is as for list_stores. */
bool lmdb_records_check(const char *place);

#endif
