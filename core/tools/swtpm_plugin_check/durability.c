/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/trace.h"
#include "tools/swtpm_plugin_check/unsynced.h"

/* What a durable put or del has written is on disk when it returns. */

static void need_durability(const struct subject *subject)
{
    trace_needed();
    if ((subject->plugin->ops.storage->capabilities & SWTPM_STORAGE_CAN_BE_DURABLE) == 0)
        check_skip("it does not claim SWTPM_STORAGE_CAN_BE_DURABLE");
}

static void follow(const struct subject *subject, void (*body)(void *context), const char *op)
{
    struct subject copy = *subject;
    struct unsynced *unsynced = unsynced_new();
    const struct trace trace = {
        .on_entry = unsynced_on_entry, .on_return = unsynced_on_return, .context = unsynced};

    check_child_status(trace_run(body, &copy, &trace));
    unsynced_check(unsynced, op);
    if (unsynced_changes(unsynced) == 0)
        check_skip("%s wrote to no file by a system call", op);
}

static void put_over_old(void *context)
{
    struct store store = {0};

    store_open_empty(&store, context, 0);
    store_must_put(&store, "permall", 1, 5000);
    store.traced = true;
    store_must_put(&store, "permall", 2, 40000);
}

static void put_into_new_store(void *context)
{
    struct store store = {.traced = true};

    store_open(&store, context, 1);
    store_must_put(&store, "permall", 1, 5000);
}

static void delete_durably(void *context)
{
    struct store store = {0};

    store_open_empty(&store, context, 2);
    store_must_put(&store, "permall", 1, 5000);
    store.traced = true;
    check_that(store_delete(&store, "permall", SWTPM_STORAGE_DURABLE) == 0, "del failed: %s",
               store.message);
}

void check_durable_put(const struct subject *subject)
{
    need_durability(subject);
    follow(subject, put_over_old, "put");
    follow(subject, put_into_new_store, "the first put into a new store");
}

void check_durable_delete(const struct subject *subject)
{
    need_durability(subject);
    follow(subject, delete_durably, "del");
}
