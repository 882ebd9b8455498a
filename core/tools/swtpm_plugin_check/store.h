/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_STORE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_STORE_H

#include "tools/swtpm_plugin_check/check.h"

/*
 * A store of the plugin under test, as the checks use it.  Each call is held against the rules that
 * go for all ops (S12 to S15): the result is of the enumeration, a failure has a message, outputs
 * are untouched by a failure, and what was passed is scribbled over when the call has returned.
 *
 * Values are made of a seed and a size, so that any can be told from any other.
 */

enum { STORE_PATHS_MAX = 16, STORE_PATH_SIZE = 4096 };

struct announced_path {
    char path[STORE_PATH_SIZE];
    uint32_t access;
};

struct store {
    const struct swtpm_storage_ops *ops;
    struct swtpm_storage *handle;
    struct announced_path paths[STORE_PATHS_MAX];
    unsigned path_count;
    int announce_result;      /* what the host answers */
    bool traced;              /* trace_watch each op */
    unsigned fail_allocation; /* this allocation of each op fails, counted from 1; 0: none */
    unsigned allocations;     /* made by the last op */
    char message[SWTPM_PLUGIN_ERROR_SIZE]; /* of the last failure */
};

/* Mode of the files of stores. */
enum { STORE_MODE = 0640 };

/* Zeroed structure: a store that is not open, neither traced nor without memory. */

/* The text of the subject's location with the number of the check's store `index` in it. */
void store_location(const struct subject *subject, unsigned index, char text[STORE_PATH_SIZE]);

/* The same for the place of that store; the subject has one. */
void store_place(const struct subject *subject, unsigned index, char text[STORE_PATH_SIZE]);

/* Skips the check if values may go with their handle, since the plugin does not claim
 * SWTPM_STORAGE_CAN_BE_DURABLE. */
void store_needs_lasting_values(const struct subject *subject);

/* Whether each index is a store of its own. */
bool store_is_numbered(const struct subject *subject);

/* Skips the check unless each index is a store of its own. */
void store_need_numbers(const struct subject *subject);

/* swtpm_storage_ops.open of the check's store `index`. */
int store_try_open(struct store *store, const struct subject *subject, unsigned index,
                   uint32_t flags, uint32_t mode);

/* The same at a location in full. */
int store_try_open_at(struct store *store, const struct subject *subject, const char *location,
                      uint32_t flags, uint32_t mode);

/* Opens with SWTPM_STORAGE_CREATE; fails the check if that does not succeed. */
void store_open(struct store *store, const struct subject *subject, unsigned index);

/* store_open, and nothing is in it. */
void store_open_empty(struct store *store, const struct subject *subject, unsigned index);

/* swtpm_storage_ops.close. */
void store_close(struct store *store);

/* Without SWTPM_STORAGE_CAN_LOCK among the plugin's capabilities this succeeds and does nothing, as
 * a host calls no lock then; and without SWTPM_STORAGE_CAN_BE_DURABLE no durability is asked for.
 */
int store_lock(struct store *store);
int store_unlock(struct store *store);
int store_put(struct store *store, const char *name, unsigned seed, size_t size, uint32_t flags);
int store_delete(struct store *store, const char *name, uint32_t flags);

/* store_put, which must succeed. */
void store_must_put(struct store *store, const char *name, unsigned seed, size_t size);

/* get with a buffer of `capacity` bytes.  On success *size is set and *matches says whether the
 * value is the one of seed and size. */
int store_get(struct store *store, const char *name, size_t capacity, unsigned seed, size_t *size,
              bool *matches);

/* The size alone. */
int store_size(struct store *store, const char *name, size_t *size);

/* Whether the value is exactly that one; fails the check if it cannot be read. */
bool store_has(struct store *store, const char *name, unsigned seed, size_t size);

/* Fails the check unless the value is exactly that one. */
void store_must_have(struct store *store, const char *name, unsigned seed, size_t size);

/* swtpm_storage_ops.list: the number of values visited goes to *count, and the size of the one
 * called `name` to *size, if it is there; `name` may be NULL.  A value that is visited twice fails
 * the check. */
int store_list(struct store *store, const char *name, unsigned *count, uint64_t *size);

/* The same, which must succeed. */
unsigned store_count(struct store *store, const char *name, uint64_t *size);

/* Whether the plugin has the optional op list_stores. */
bool store_has_list_stores(const struct subject *subject);

/* swtpm_storage_ops.list_stores, which the plugin has; the visitor returns 0 or a result. */
int store_list_stores(struct store *store, const struct subject *subject, const char *location,
                      swtpm_store_visitor visit, void *context);

/* "NOT_FOUND" and so on. */
const char *result_name(int result);

#endif
