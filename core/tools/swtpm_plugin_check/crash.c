/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/storage_call.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/trace.h"

#include <signal.h>
#include <sys/wait.h>

/*
 * Crashes: a process does something to a store and is killed at its first system call, the next
 * one at its second, and so on until one gets through.  After each the store is opened anew and
 * must show what was there before or what was to be there.
 */

enum { OLD = 1, NEW = 2, AFTER = 3, OTHER = 4 };
enum { OLD_SIZE = 5000, NEW_SIZE = 40000, OTHER_SIZE = 700 };
enum { CRASHES_MAX = 5000 };

struct crash {
    const struct subject *subject;
    void (*prepare)(struct crash *crash, struct store *store); /* not crashed; opens the store */
    void (*act)(struct crash *crash, struct store *store);     /* crashed */
    void (*verify)(struct crash *crash, struct store *store);  /* after the store was opened */
    bool new_store;                                            /* for each crash */
    bool torn; /* half of a write happens, then the crash */
    unsigned crash_at;
    unsigned seen;
    unsigned index; /* of the store */
};

static enum trace_verdict crash_or_not(void *context, const struct system_call *call,
                                       int *error_number)
{
    struct crash *crash = context;

    (void)error_number;
    if (crash->torn && (storage_call_kind(call) != STORAGE_CALL_WRITE || call->arguments[2] < 2))
        return TRACE_CONTINUE;
    if (++crash->seen != crash->crash_at)
        return TRACE_CONTINUE;
    return crash->torn ? TRACE_HALVE : TRACE_KILL;
}

static void live_until_crash(void *context)
{
    struct crash *crash = context;
    struct store store = {0};

    crash->prepare(crash, &store);
    store.traced = true;
    crash->act(crash, &store);
}

static void look_at_what_is_left(void *context)
{
    struct crash *crash = context;
    struct store store = {0};

    store_open(&store, crash->subject, crash->index);
    check_that(store_lock(&store) == 0, "after a crash at its call %u the lock is not free: %s",
               crash->crash_at, store.message);
    crash->verify(crash, &store);
    store_must_put(&store, "permall", AFTER, OLD_SIZE);
    store_must_have(&store, "permall", AFTER, OLD_SIZE);
    store_close(&store);
}

static bool crash_once(struct crash *crash)
{
    const struct trace trace = {.on_entry = crash_or_not, .context = crash};

    crash->seen = 0;
    int status = trace_run(live_until_crash, crash, &trace);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        check_in_child(look_at_what_is_left, crash);
        return true;
    }
    check_child_status(status);
    return false;
}

static void crash_everywhere(struct crash *crash)
{
    trace_needed();
    store_needs_lasting_values(crash->subject);
    if (crash->new_store)
        store_need_numbers(crash->subject);
    for (crash->crash_at = 1; crash->crash_at < CRASHES_MAX; crash->crash_at++) {
        crash->index = crash->new_store ? crash->crash_at : 0;
        if (!crash_once(crash))
            break;
    }
    if (crash->crash_at == 1)
        check_skip("it makes no system call at which it could be stopped");
}

/* ----------------------------------------------------------------------------------------- acts */

static void prepare_old_value(struct crash *crash, struct store *store)
{
    store_open_empty(store, crash->subject, crash->index);
    store_must_put(store, "permall", OLD, OLD_SIZE);
    store_must_put(store, "savestate", OTHER, OTHER_SIZE);
}

static void prepare_other_value(struct crash *crash, struct store *store)
{
    store_open_empty(store, crash->subject, crash->index);
    store_must_put(store, "savestate", OTHER, OTHER_SIZE);
}

static void prepare_nothing(struct crash *crash, struct store *store)
{
    (void)crash;
    (void)store;
}

static void act_put(struct crash *crash, struct store *store)
{
    (void)crash;
    store_put(store, "permall", NEW, NEW_SIZE, SWTPM_STORAGE_DURABLE);
}

static void act_delete(struct crash *crash, struct store *store)
{
    (void)crash;
    store_delete(store, "permall", SWTPM_STORAGE_DURABLE);
}

static void act_open(struct crash *crash, struct store *store)
{
    store_open(store, crash->subject, crash->index);
}

static void verify_others(const struct crash *crash, struct store *store, unsigned expected)
{
    unsigned count = store_count(store, NULL, NULL);

    store_must_have(store, "savestate", OTHER, OTHER_SIZE);
    check_that(count == expected, "after a crash at its call %u list visits %u values, not %u",
               crash->crash_at, count, expected);
}

static bool is_missing(struct store *store)
{
    size_t size;
    return store_size(store, "permall", &size) == SWTPM_PLUGIN_NOT_FOUND;
}

static void verify_old_or_new(struct crash *crash, struct store *store)
{
    check_that(store_has(store, "permall", OLD, OLD_SIZE) ||
                   store_has(store, "permall", NEW, NEW_SIZE),
               "after a crash at call %u of put the value is neither the old nor the new one",
               crash->crash_at);
    verify_others(crash, store, 2);
}

static void verify_none_or_new(struct crash *crash, struct store *store)
{
    bool missing = is_missing(store);

    check_that(missing || store_has(store, "permall", NEW, NEW_SIZE),
               "after a crash at call %u of put there is another value than the new one",
               crash->crash_at);
    verify_others(crash, store, missing ? 1 : 2);
}

static void verify_old_or_none(struct crash *crash, struct store *store)
{
    bool missing = is_missing(store);

    check_that(missing || store_has(store, "permall", OLD, OLD_SIZE),
               "after a crash at call %u of del there is another value than the old one",
               crash->crash_at);
    verify_others(crash, store, missing ? 1 : 2);
}

static void verify_empty(struct crash *crash, struct store *store)
{
    check_that(store_count(store, NULL, NULL) == 0,
               "after a crash at call %u of open the new store is not empty", crash->crash_at);
}

void check_crash_in_put(const struct subject *subject)
{
    struct crash crash = {.subject = subject,
                          .prepare = prepare_old_value,
                          .act = act_put,
                          .verify = verify_old_or_new};
    crash_everywhere(&crash);
}

void check_crash_in_first_put(const struct subject *subject)
{
    struct crash crash = {.subject = subject,
                          .prepare = prepare_other_value,
                          .act = act_put,
                          .verify = verify_none_or_new};
    crash_everywhere(&crash);
}

void check_crash_in_delete(const struct subject *subject)
{
    struct crash crash = {.subject = subject,
                          .prepare = prepare_old_value,
                          .act = act_delete,
                          .verify = verify_old_or_none};
    crash_everywhere(&crash);
}

void check_crash_in_creation(const struct subject *subject)
{
    struct crash crash = {.subject = subject,
                          .prepare = prepare_nothing,
                          .act = act_open,
                          .verify = verify_empty,
                          .new_store = true};
    crash_everywhere(&crash);
}

void check_torn_put(const struct subject *subject)
{
    struct crash crash = {.subject = subject,
                          .prepare = prepare_old_value,
                          .act = act_put,
                          .verify = verify_old_or_new,
                          .torn = true};
    crash_everywhere(&crash);
}
