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

static struct unsynced *follow(void (*body)(void *context), void *context, const char *op)
{
    struct unsynced *unsynced = unsynced_new();
    const struct trace trace = {
        .on_entry = unsynced_on_entry, .on_return = unsynced_on_return, .context = unsynced};

    check_child_status(trace_run(body, context, &trace));
    unsynced_check(unsynced, op);
    return unsynced;
}

static void follow_change(void (*body)(void *context), void *context, const char *op)
{
    if (unsynced_changes(follow(body, context, op)) == 0)
        check_skip("%s wrote to no file by a system call", op);
}

struct replacement {
    const struct subject *subject;
    const char *op;
    unsigned earlier; /* durable puts before it */
    size_t size;
};

static void replace(void *context)
{
    const struct replacement *put = context;
    struct store store = {0};

    store_open_empty(&store, put->subject, 0);
    for (unsigned i = 0; i < put->earlier; i++)
        store_must_put(&store, "permall", i, 5000);
    store.traced = true;
    store_must_put(&store, "permall", put->earlier, put->size);
}

/* What is stored already need not be written again, but it has to be synced. */
static void put_same_durably(void *context)
{
    struct store store = {0};

    store_open_empty(&store, context, 0);
    check_that(store_put(&store, "permall", 1, 5000, 0) == 0, "put failed: %s", store.message);
    store.traced = true;
    store_must_put(&store, "permall", 1, 5000);
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
    struct subject copy = *subject;
    struct replacement puts[] = {
        {.op = "put", .earlier = 1, .size = 40000},
        {.op = "the third put", .earlier = 2, .size = 5000},
        {.op = "the fourth put", .earlier = 3, .size = 5000},
        {.op = "a put of no bytes", .earlier = 1},
        {.op = "a put of 1 MiB", .earlier = 1, .size = 1 << 20},
    };

    need_durability(subject);
    for (unsigned i = 0; i < sizeof puts / sizeof puts[0]; i++) {
        puts[i].subject = subject;
        follow_change(replace, &puts[i], puts[i].op);
    }
    const struct unsynced *same = follow(put_same_durably, &copy, "put of what is stored");
    check_that(unsynced_syncs(same) > 0,
               "a durable put of what a put that was not durable has stored syncs nothing");
    follow_change(put_into_new_store, &copy, "the first put into a new store");
}

void check_durable_delete(const struct subject *subject)
{
    struct subject copy = *subject;

    need_durability(subject);
    follow_change(delete_durably, &copy, "del");
}
