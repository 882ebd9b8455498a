/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/swtpm_plugin_check/allocation.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/process_state.h"
#include "tools/swtpm_plugin_check/storage_call.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/system_calls.h"
#include "tools/swtpm_plugin_check/trace.h"

/*
 * Faults: in an op the first system call of a kind fails, in the next run the second one, and so
 * on until the op makes no more of them; the same with allocations.  The op must give the code that
 * fits, or bear the fault and do its work; the store must hold what it should; the handle must go
 * on working; nothing may leak.
 */

enum { OLD = 1, NEW = 2, AFTER = 3 };
enum { OLD_SIZE = 5000, NEW_SIZE = 40000 };
enum { FAULTS_MAX = 3000 };

#define KIND(kind) (1U << STORAGE_CALL_##kind)

/* An op and what must be so when it has returned. */
struct act {
    const char *name;
    int (*run)(struct store *store, const struct subject *subject);
    bool changes;   /* the value may be the new one afterwards */
    bool closed;  /* the op needs no handle: the store is not open */
};

struct fault {
    const struct subject *subject;
    const struct act *act;
    unsigned kinds;   /* of calls that fail */
    int error_number; /* 0: allocations fail */
    int expected;     /* what the op returns if it cannot bear the fault */
    unsigned at;
    unsigned seen;
    struct {
        enum storage_call_kind kind; /* of the call that failed */
        char call[32];
        unsigned allocations; /* that the op made */
        bool acting;          /* the op is running, and not what surrounds it */
    } * injected;             /* shared with the process that suffers */
};

static int run_open(struct store *store, const struct subject *subject)
{
    return store_try_open(store, subject, 0, SWTPM_STORAGE_CREATE, STORE_MODE);
}

static int run_lock(struct store *store, const struct subject *subject)
{
    (void)subject;
    return store_lock(store);
}

static int run_unlock(struct store *store, const struct subject *subject)
{
    (void)subject;
    return store_unlock(store);
}

static int run_put(struct store *store, const struct subject *subject)
{
    (void)subject;
    return store_put(store, "permall", NEW, NEW_SIZE, SWTPM_STORAGE_DURABLE);
}

static int run_delete(struct store *store, const struct subject *subject)
{
    (void)subject;
    return store_delete(store, "permall", SWTPM_STORAGE_DURABLE);
}

static int run_get(struct store *store, const struct subject *subject)
{
    size_t size;
    bool matches;
    int result = store_get(store, "permall", OLD_SIZE, OLD, &size, &matches);

    (void)subject;
    check_that(result != 0 || (size == OLD_SIZE && matches), "get gave a wrong value");
    return result;
}

static int run_list(struct store *store, const struct subject *subject)
{
    unsigned count = 0;
    int result = store_list(store, NULL, &count, NULL);

    (void)subject;
    check_that(result != 0 || count == 1, "list visited %u values, not one", count);
    return result;
}

static int count_store(void *context, const char *location)
{
    (void)location;
    ++*(unsigned *)context;
    return 0;
}

static int run_list_stores(struct store *store, const struct subject *subject)
{
    char place[STORE_PATH_SIZE];
    unsigned count = 0;

    if (subject->place == NULL || !store_has_list_stores(subject))
        return 0;
    store_place(subject, 0, place);
    int result = store_list_stores(store, subject, place, count_store, &count);
    check_that(result != 0 || count > 0, "list_stores visited no store");
    return result;
}

static const struct act acts[] = {
    {.name = "open", .run = run_open, .closed = true},
    {.name = "list_stores", .run = run_list_stores, .closed = true},
    {.name = "lock", .run = run_lock},
    {.name = "unlock", .run = run_unlock},
    {.name = "get", .run = run_get},
    {.name = "list", .run = run_list},
    {.name = "put", .run = run_put, .changes = true},
    {.name = "del", .run = run_delete, .changes = true},
};

enum { ACT_COUNT = sizeof acts / sizeof acts[0] };

/* -------------------------------------------------------------------------- what must be so then
 */

/* Data or names that did not get to the medium cannot be borne, only reported. */
static bool may_be_borne(const struct fault *fault)
{
    enum storage_call_kind kind = fault->injected->kind;
    bool lost = kind == STORAGE_CALL_WRITE || kind == STORAGE_CALL_SYNC;

    return !fault->act->changes || fault->error_number == EINTR || !lost;
}

static void judge_result(const struct fault *fault, int result, const struct store *store)
{
    const char *what = fault->injected->call;

    if (result == 0)
        check_that(what[0] == '\0' || may_be_borne(fault),
                   "%s failed with '%s' in %s (at its fault %u), and %s reports success", what,
                   strerror(fault->error_number), fault->act->name, fault->at, fault->act->name);
    else
        check_that(result == fault->expected ||
                       (fault->error_number == EINTR && result == SWTPM_PLUGIN_IO),
                   "%s failed with '%s' in %s, which gives %s instead of %s: %s", what,
                   strerror(fault->error_number != 0 ? fault->error_number : ENOMEM),
                   fault->act->name, result_name(result), result_name(fault->expected),
                   store->message);
}

static bool keeps_values(const struct subject *subject)
{
    return (subject->plugin->ops.storage->capabilities & SWTPM_STORAGE_CAN_BE_DURABLE) != 0;
}

static bool has_new_state(const struct fault *fault, struct store *store)
{
    size_t size;

    if (fault->act->run == run_delete)
        return store_size(store, "permall", &size) == SWTPM_PLUGIN_NOT_FOUND;
    return store_has(store, "permall", NEW, NEW_SIZE);
}

static void judge_state(const struct fault *fault, int result, struct store *store)
{
    bool new_state = fault->act->changes && has_new_state(fault, store);

    if (result == 0 && fault->act->changes)
        check_that(new_state, "%s reports success (with a failure of %s) and did nothing",
                   fault->act->name, fault->injected->call);
    bool kept = !fault->act->closed || keeps_values(fault->subject);
    if (!new_state && kept)
        check_that(store_has(store, "permall", OLD, OLD_SIZE),
                   "after a failure of %s (%u) in %s the old value is gone", fault->injected->call,
                   fault->at, fault->act->name);
    store_must_put(store, "permall", AFTER, OLD_SIZE);
    store_must_have(store, "permall", AFTER, OLD_SIZE);
}

static void prepare(const struct fault *fault, struct store *store)
{
    store_open_empty(store, fault->subject, 0);
    store_must_put(store, "permall", OLD, OLD_SIZE);
    if (fault->act->run != run_lock)
        check_that(store_lock(store) == 0, "lock failed: %s", store->message);
    if (fault->act->closed)
        store_close(store);
}

/* From open to close; the op in between suffers. */
static void use_and_suffer(const struct fault *fault, struct store *store)
{
    prepare(fault, store);
    store->traced = fault->error_number != 0;
    store->fail_allocation = fault->error_number == 0 ? fault->at : 0;
    fault->injected->acting = true;
    int result = fault->act->run(store, fault->subject);
    fault->injected->acting = false;
    store->fail_allocation = 0;
    fault->injected->allocations = store->allocations;
    judge_result(fault, result, store);
    if (store->handle == NULL)
        store_open(store, fault->subject, 0);
    judge_state(fault, result, store);
    check_that(store_lock(store) == 0, "after a failure of %s in %s lock fails: %s",
               fault->injected->call, fault->act->name, store->message);
    store_close(store);
}

static void suffer(void *context)
{
    const struct fault *fault = context;
    struct store store = {0};

    /* Once without: what libraries keep for good is made. */
    prepare(fault, &store);
    if (!fault->act->closed)
        store_close(&store);
    unsigned descriptors = process_state_count("fd");
    long allocations = allocation_balance();
    use_and_suffer(fault, &store);
    check_that(process_state_count("fd") <= descriptors,
               "a failure of %s (%u) in %s leaves a file open", fault->injected->call, fault->at,
               fault->act->name);
    check_that(allocation_balance() <= allocations,
               "a failure of %s (%u) in %s leaves %ld allocations behind", fault->injected->call,
               fault->at, fault->act->name, allocation_balance() - allocations);
}

/* ----------------------------------------------------------------------------------- injection */

static enum trace_verdict fail_or_not(void *context, const struct system_call *call,
                                      int *error_number)
{
    struct fault *fault = context;
    enum storage_call_kind kind = storage_call_kind(call);

    /* What an op does when something failed, or has failed before, the sandbox must allow too. */
    if (!fault->act->closed)
        system_call_must_be_declared(fault->subject, call);
    if (!fault->injected->acting || (fault->kinds & 1U << kind) == 0 || ++fault->seen != fault->at)
        return TRACE_CONTINUE;
    fault->injected->kind = kind;
    snprintf(fault->injected->call, sizeof fault->injected->call, "%s",
             system_call_name(call->number));
    *error_number = fault->error_number;
    return TRACE_FAIL;
}

static bool inject(struct fault *fault)
{
    const struct trace trace = {.on_entry = fail_or_not, .context = fault};

    fault->seen = 0;
    memset(fault->injected, 0, sizeof *fault->injected);
    check_child_status(trace_run(suffer, fault, &trace));
    return fault->injected->call[0] != '\0';
}

static void suffer_everywhere(const struct subject *subject, unsigned kinds, int error_number,
                              int expected)
{
    struct fault fault = {
        .subject = subject, .kinds = kinds, .error_number = error_number, .expected = expected};

    trace_needed();
    fault.injected = check_shared_memory(sizeof *fault.injected);
    for (unsigned i = 0; i < ACT_COUNT; i++) {
        fault.act = &acts[i];
        for (fault.at = 1; fault.at < FAULTS_MAX && inject(&fault); fault.at++)
            continue;
    }
}

void check_medium_faults(const struct subject *subject)
{
    suffer_everywhere(subject,
                      KIND(OPEN) | KIND(READ) | KIND(WRITE) | KIND(SYNC) | KIND(DIRECTORY) |
                          KIND(STATUS) | KIND(ATTRIBUTE),
                      EIO, SWTPM_PLUGIN_IO);
}

void check_medium_full(const struct subject *subject)
{
    suffer_everywhere(subject, KIND(WRITE) | KIND(SYNC) | KIND(DIRECTORY), ENOSPC,
                      SWTPM_PLUGIN_NO_SPACE);
}

void check_interruptions(const struct subject *subject)
{
    suffer_everywhere(subject, KIND(OPEN) | KIND(READ) | KIND(WRITE) | KIND(SYNC) | KIND(LOCK),
                      EINTR, SWTPM_PLUGIN_IO);
}

static void suffer_without_memory(struct fault *fault)
{
    for (fault->at = 1; fault->at < FAULTS_MAX; fault->at++) {
        strcpy(fault->injected->call, "an allocation");
        check_in_child(suffer, fault);
        if (fault->injected->allocations < fault->at)
            break;
    }
}

void check_memory_faults(const struct subject *subject)
{
    struct fault fault = {.subject = subject, .expected = SWTPM_PLUGIN_NO_MEMORY};

    fault.injected = check_shared_memory(sizeof *fault.injected);
    for (unsigned i = 0; i < ACT_COUNT; i++) {
        fault.act = &acts[i];
        suffer_without_memory(&fault);
    }
    suffer_everywhere(subject, KIND(MAP) | KIND(OPEN), ENOMEM, SWTPM_PLUGIN_NO_MEMORY);
}
