/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_STORE_PLACE_H
#define TESTS_UNIT_STORE_PLACE_H

#include <stdint.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * What the tests of storage-dir and storage-file share.  The ops are called as they are, without the
 * host's wrapper.
 * Functions that return nothing fail the test if they cannot do their work.
 */

/* The ops of the plugin that was built. */
extern const struct swtpm_storage_ops *store_ops;

/* The message of the last op that failed; for all ops of all tests. */
extern struct swtpm_plugin_error store_error;

/* Set-up and tear-down of a group of tests: loads storage-dir, or storage-file. */
int store_load_plugin(void **state);
int store_load_file_plugin(void **state);
int store_remove_plugin(void **state);

/* What each test has: a directory of its own, and a store in it that the plugin made. */
struct store_place {
    char *directory;
    char *location; /* directory/state */
    struct swtpm_storage *storage;
};

int store_make_place(void **state);
int store_remove_place(void **state);

#define STORE_TEST(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, store_make_place, store_remove_place)

/* An announce_path that agrees to all. */
int store_welcome_path(void *context, const char *path, uint32_t access);

/* Opens with mode 0640 and `flags` of enum swtpm_storage_open_flag.  The op's code. */
int store_try_open(const char *location, uint32_t flags, struct swtpm_storage **storage);

/* Opens, making the directory if need be. */
struct swtpm_storage *store_open(const char *location);

/* Puts a string without its NUL, not durably.  The op's code. */
int store_put(struct swtpm_storage *storage, const char *name, const char *value);

/* The code of a get of that value, which must leave its outputs alone. */
int store_failing_get(struct swtpm_storage *storage, const char *name);

void assert_stored(struct swtpm_storage *storage, const char *name, const char *expected);

/* That store_error holds `wanted`. */
void assert_store_error(const char *wanted);

void write_file(const char *path, const char *contents);
void assert_contents(const char *path, const char *expected);
mode_t mode_of(const char *path);

/* Whether there is anything of that name, be it a link that leads nowhere. */
int exists(const char *path);

/* Entries of a directory, . and .. not counted. */
unsigned count_entries(const char *path);

/* Open descriptors of this process, and one more for the counting. */
unsigned count_descriptors(void);

/* Skips the test with a reason. */
void skip_unless_root(const char *test);

#endif
