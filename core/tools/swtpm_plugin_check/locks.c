/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"

/* lock and unlock. */

static void need_locks(const struct subject *subject)
{
    if ((subject->plugin->ops.storage->capabilities & SWTPM_STORAGE_CAN_LOCK) == 0)
        check_skip("it does not claim SWTPM_STORAGE_CAN_LOCK");
}

static void must_lock(struct store *store)
{
    int result = store_lock(store);
    check_that(result == 0, "lock failed with %s: %s", result_name(result), store->message);
}

static void must_unlock(struct store *store)
{
    int result = store_unlock(store);
    check_that(result == 0, "unlock failed with %s: %s", result_name(result), store->message);
}

static void must_be_busy(struct store *store, const char *who)
{
    int result = store_lock(store);
    check_that(result == SWTPM_PLUGIN_BUSY, "lock gave %s while %s holds the lock",
               result_name(result), who);
}

/* Two handles of store 0. */
static void open_two(struct store *first, struct store *second, const struct subject *subject)
{
    need_locks(subject);
    store_open(first, subject, 0);
    store_open(second, subject, 0);
}

void check_lock_excludes_handles(const struct subject *subject)
{
    struct store first = {0};
    struct store second = {0};

    open_two(&first, &second, subject);
    must_lock(&first);
    must_be_busy(&second, "another handle of the process");
    store_must_put(&first, "permall", 1, 100);
    store_must_have(&first, "permall", 1, 100);
    must_be_busy(&second, "another handle of the process");
    store_close(&second);
    store_open(&second, subject, 0);
    must_be_busy(&second, "another handle of the process");
    store_close(&second);
    store_close(&first);
}

/* A process that holds the lock of store 0 until it is told to go. */
struct holder {
    pid_t process;
    int told;   /* a byte when it has the lock */
    int ending; /* closed to end it */
};

static struct holder start_holder(const struct subject *subject)
{
    struct holder holder;
    int told[2];
    int ending[2];
    char byte;

    check_that(pipe(told) == 0 && pipe(ending) == 0, "pipe: %s", strerror(errno));
    holder.process = fork();
    if (holder.process == 0) {
        struct store store = {0};
        close(ending[1]);
        store_open(&store, subject, 0);
        must_lock(&store);
        if (write(told[1], "x", 1) == 1)
            _exit(read(ending[0], &byte, 1) == 0 ? 0 : 1);
        _exit(1);
    }
    close(told[1]);
    close(ending[0]);
    holder.told = told[0];
    holder.ending = ending[1];
    if (read(holder.told, &byte, 1) != 1) {
        int status;
        waitpid(holder.process, &status, 0);
        check_child_status(status);
        check_fail("the other process got no lock");
    }
    return holder;
}

static void end_holder(struct holder *holder, int signal_number)
{
    int status;

    if (signal_number != 0)
        kill(holder->process, signal_number);
    close(holder->ending);
    close(holder->told);
    check_that(waitpid(holder->process, &status, 0) == holder->process, "waitpid: %s",
               strerror(errno));
}

void check_lock_excludes_processes(const struct subject *subject)
{
    struct store store = {0};
    char number[24];

    need_locks(subject);
    struct holder holder = start_holder(subject);
    store_open(&store, subject, 0);
    must_be_busy(&store, "another process");
    snprintf(number, sizeof number, "%ld", (long)holder.process);
    /* Where the pid cannot be known, the message has no number at all. */
    check_that(strstr(store.message, number) != NULL || strstr(store.message, "process ") == NULL,
               "the message does not tell process %s: %s", number, store.message);
    end_holder(&holder, 0);
    must_lock(&store);
    store_close(&store);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void check_lock_is_immediate(const struct subject *subject)
{
    enum { TRIES = 10 };
    struct store store = {0};

    need_locks(subject);
    struct holder holder = start_holder(subject);
    store_open(&store, subject, 0);
    double start = seconds();
    for (int i = 0; i < TRIES; i++)
        must_be_busy(&store, "another process");
    double elapsed = seconds() - start;
    check_that(elapsed < TRIES * 0.5, "a try to lock takes %.2f seconds", elapsed / TRIES);
    end_holder(&holder, 0);
    store_close(&store);
}

void check_lock_of_another_store(const struct subject *subject)
{
    struct store store = {0};
    struct store other = {0};

    need_locks(subject);
    store_need_numbers(subject);
    struct holder holder = start_holder(subject);
    store_open(&store, subject, 1);
    store_open(&other, subject, 2);
    must_lock(&store);
    must_lock(&other);
    store_close(&other);
    store_close(&store);
    end_holder(&holder, 0);
}

void check_lock_twice(const struct subject *subject)
{
    struct store store = {0};
    struct store other = {0};

    open_two(&store, &other, subject);
    must_lock(&store);
    must_lock(&store);
    must_be_busy(&other, "the handle that took it twice");
    must_unlock(&store);
    must_lock(&other);
    store_close(&other);
    store_close(&store);
}

void check_lock_released(const struct subject *subject)
{
    struct store first = {0};
    struct store second = {0};

    open_two(&first, &second, subject);
    must_lock(&first);
    must_unlock(&first);
    must_lock(&second);
    must_be_busy(&first, "another handle");
    store_close(&second);
    must_lock(&first);
    store_close(&first);
}

void check_lock_dies_with_process(const struct subject *subject)
{
    struct store store = {0};

    need_locks(subject);
    struct holder holder = start_holder(subject);
    store_open(&store, subject, 0);
    must_be_busy(&store, "another process");
    end_holder(&holder, SIGKILL);
    must_lock(&store);
    store_close(&store);
}

void check_unlock_not_held(const struct subject *subject)
{
    struct store first = {0};
    struct store second = {0};

    open_two(&first, &second, subject);
    must_unlock(&first);
    must_lock(&second);
    must_unlock(&first);
    must_be_busy(&first, "another handle");
    must_unlock(&second);
    must_unlock(&second);
    store_close(&second);
    store_close(&first);
}
