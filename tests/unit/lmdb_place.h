/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_LMDB_PLACE_H
#define TESTS_UNIT_LMDB_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "swtpm_plugin.h"

/*
 * What the tests of storage-lmdb share: a directory for each test, with an environment in it.  The
 * plugin's objects are linked in, and its ops called as they are.
 */

/* The directory of the test that runs. */
extern char lmdb_directory[64];

/* Set-up and tear-down of a test.  In memory, where that can be had, nothing waits for the medium,
 * but there may be little room. */
int lmdb_make_directory(void **state);
int lmdb_make_directory_in_memory(void **state);
int lmdb_remove_directory(void **state);

/* The path of what is called `name` in the environment; "" is the environment itself. */
enum { LMDB_PATH_SIZE = 96 };
void lmdb_path(char path[LMDB_PATH_SIZE], const char *name);

/* Opens, with mode 0640 and `flags` of enum swtpm_storage_open_flag, the TPM of `query`, such as
 * "a&mapsize=1M", in the environment, and in one called `entry` beside it.  The op's code. */
int lmdb_try_open(struct swtpm_storage **storage, const char *query, uint32_t flags,
                  struct swtpm_plugin_error *error);
int lmdb_try_open_at(struct swtpm_storage **storage, const char *entry, const char *query,
                     uint32_t flags, struct swtpm_plugin_error *error);

/* Opens that TPM, making what is not there; fails the test if that cannot be done. */
struct swtpm_storage *lmdb_open(const char *query);

/* Puts a value of `size` bytes, each of them `fill`.  The op's code. */
int lmdb_put(struct swtpm_storage *storage, const char *name, char fill, size_t size,
             uint32_t flags, struct swtpm_plugin_error *error);

#endif
