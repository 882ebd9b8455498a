/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/use.h"

static void use_failing(struct store *store)
{
    size_t size;
    bool matches;

    store_size(store, "missing", &size);
    store_get(store, "permall", 10, 2, &size, &matches);
    store_put(store, "../x", 1, 1, 0);
    store_delete(store, "missing", 0);
}

void use_store(struct store *store)
{
    check_that(store_lock(store) == 0, "lock failed: %s", store->message);
    store_must_put(store, "permall", 1, 6000);
    store_must_put(store, "permall", 2, 100000);
    store_must_have(store, "permall", 2, 100000);
    check_that(store_put(store, "savestate", 3, 10, 0) == 0, "put failed: %s", store->message);
    check_that(store_count(store, NULL, NULL) == 2, "list does not visit the two values");
    use_failing(store);
    check_that(store_delete(store, "savestate", SWTPM_STORAGE_DURABLE) == 0 &&
                   store_delete(store, "permall", 0) == 0,
               "del failed: %s", store->message);
    check_that(store_unlock(store) == 0, "unlock failed: %s", store->message);
}
