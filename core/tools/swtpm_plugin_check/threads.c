/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"

/* Handles belong to no thread. */

static void run_in_thread(void *(*body)(void *context), void *context)
{
    pthread_t thread;

    check_that(pthread_create(&thread, NULL, body, context) == 0, "no thread can be started");
    pthread_join(thread, NULL);
}

struct hop {
    const struct subject *subject;
    struct store store;
    unsigned round;
};

static void *hop_open(void *context)
{
    struct hop *hop = context;
    store_open_empty(&hop->store, hop->subject, 0);
    return NULL;
}

static void *hop_lock(void *context)
{
    struct hop *hop = context;
    check_that(store_lock(&hop->store) == 0, "lock failed in another thread: %s",
               hop->store.message);
    return NULL;
}

static void *hop_put(void *context)
{
    struct hop *hop = context;
    store_must_put(&hop->store, "permall", hop->round, 3000);
    return NULL;
}

static void *hop_get(void *context)
{
    struct hop *hop = context;
    store_must_have(&hop->store, "permall", hop->round, 3000);
    check_that(store_count(&hop->store, NULL, NULL) == 1, "list visits other than one value");
    return NULL;
}

static void *hop_delete(void *context)
{
    struct hop *hop = context;
    check_that(store_delete(&hop->store, "permall", 0) == 0, "del failed: %s", hop->store.message);
    return NULL;
}

static void *hop_close(void *context)
{
    struct hop *hop = context;
    store_close(&hop->store);
    return NULL;
}

/* Each op in a thread of its own, which is gone when the next begins. */
void check_thread_hopping(const struct subject *subject)
{
    enum { ROUNDS = 20 };
    struct hop hop = {.subject = subject};

    run_in_thread(hop_open, &hop);
    run_in_thread(hop_lock, &hop);
    for (hop.round = 0; hop.round < ROUNDS; hop.round++) {
        run_in_thread(hop_put, &hop);
        run_in_thread(hop_get, &hop);
        run_in_thread(hop_delete, &hop);
    }
    run_in_thread(hop_close, &hop);
}

enum { WORKERS = 8, HANDLES = 4, TURNS = 25 };

struct worker {
    const struct subject *subject;
    unsigned index;
};

/* With one location for all stores, each worker has names of its own. */
static void *work(void *context)
{
    const struct worker *worker = context;
    struct store stores[HANDLES] = {0};
    char name[SWTPM_STORAGE_NAME_MAX + 1];

    for (unsigned i = 0; i < HANDLES; i++)
        store_open(&stores[i], worker->subject, worker->index * HANDLES + i);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (unsigned i = 0; i < HANDLES; i++) {
            unsigned seed = worker->index * 1000 + turn * HANDLES + i;
            size_t size = (turn * 977 + i * 131) % 9000;
            snprintf(name, sizeof name, "worker-%u-%u", worker->index, i);
            check_that(store_put(&stores[i], name, seed, size, 0) == 0, "put failed: %s",
                       stores[i].message);
            store_must_have(&stores[i], name, seed, size);
        }
    }
    for (unsigned i = 0; i < HANDLES; i++)
        store_close(&stores[i]);
    return NULL;
}

void check_many_handles(const struct subject *subject)
{
    pthread_t threads[WORKERS];
    struct worker workers[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){subject, i};
        check_that(pthread_create(&threads[i], NULL, work, &workers[i]) == 0,
                   "no thread can be started");
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
}

/* Puts round after round, each when a byte arrives, and answers with a byte; ends with the pipe. */
static void put_when_told(const struct subject *subject, int told, int tell)
{
    char byte;

    for (unsigned round = 1; read(told, &byte, 1) == 1; round++) {
        struct store store = {0};
        store_open(&store, subject, 0);
        store_must_put(&store, "permall", round, 2000);
        store_close(&store);
        if (write(tell, &byte, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

/* A transaction that stayed open would show an old value, or keep the other process waiting. */
void check_nothing_outlives_a_call(const struct subject *subject)
{
    enum { ROUNDS = 10 };
    struct store store = {0};
    int to_other[2];
    int from_other[2];
    char byte = 0;

    store_needs_lasting_values(subject);
    /* A host forks before it opens, never after. */
    check_that(pipe(to_other) == 0 && pipe(from_other) == 0, "no pipe can be made");
    if (fork() == 0) {
        close(to_other[1]);
        put_when_told(subject, to_other[0], from_other[1]);
    }
    close(from_other[1]);
    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 0, 2000);
    for (unsigned round = 1; round < ROUNDS; round++) {
        store_must_have(&store, "permall", round - 1, 2000);
        if (write(to_other[1], &byte, 1) != 1 || read(from_other[0], &byte, 1) != 1) {
            int status;
            wait(&status);
            check_child_status(status);
            check_fail("the other process was ended");
        }
        store_must_have(&store, "permall", round, 2000);
    }
    store_close(&store);
}
