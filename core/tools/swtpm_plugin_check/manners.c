/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "tools/swtpm_plugin_check/allocation.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/process_state.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/trace.h"
#include "tools/swtpm_plugin_check/use.h"

/* How a plugin leaves its process, and what it leaves behind. */

void check_process_state(const struct subject *subject)
{
    struct process_state before;
    struct process_state after;
    struct store store = {0};

    process_state_take(&before);
    store_open_empty(&store, subject, 0);
    use_store(&store);
    process_state_take(&after);
    /* Threads and files it may have until close. */
    unsigned threads = after.threads;
    after.threads = before.threads;
    after.descriptors = before.descriptors;
    process_state_compare(&before, &after, "an op");
    store_close(&store);
    process_state_take(&after);
    check_that(after.threads <= before.threads, "close leaves %u threads running",
               threads - before.threads);
    after.descriptors = before.descriptors;
    process_state_compare(&before, &after, "close");
}

static void check_close_on_exec(void)
{
    DIR *entries = opendir("/proc/self/fd");
    struct dirent *entry;

    check_that(entries != NULL, "cannot read /proc/self/fd: %s", strerror(errno));
    while ((entry = readdir(entries)) != NULL) {
        char link[64];
        char target[256];
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd <= STDERR_FILENO)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        check_that((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "'%s' is open without FD_CLOEXEC",
                   target);
    }
    closedir(entries);
}

static enum trace_verdict judge_open_flags(void *context, const struct system_call *call,
                                           int *error_number)
{
    char path[STORE_PATH_SIZE];

    (void)context;
    (void)error_number;
    if (call->number != SYS_openat || (call->arguments[2] & O_CLOEXEC) != 0)
        return TRACE_CONTINUE;
    trace_read_string(call->thread, call->arguments[1], path, sizeof path);
    check_fail("an op opens '%s' without O_CLOEXEC", path);
}

static void open_and_use(void *context)
{
    struct store store = {0};

    store_open_empty(&store, context, 0);
    store.traced = true;
    use_store(&store);
}

/* What open leaves open, and what the other ops open for a moment. */
void check_descriptors_close_on_exec(const struct subject *subject)
{
    struct subject copy = *subject;
    struct store store = {0};
    const struct trace trace = {.on_entry = judge_open_flags};

    /* What this program inherited is not the plugin's. */
    check_that(close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0, "close_range: %s",
               strerror(errno));
    store_open_empty(&store, subject, 0);
    check_close_on_exec();
    store_close(&store);
    trace_needed();
    check_child_status(trace_run(open_and_use, &copy, &trace));
}

void check_descriptors_closed(const struct subject *subject)
{
    struct store store = {0};
    enum { ROUNDS = 3 };

    store_open_empty(&store, subject, 0);
    store_close(&store);
    unsigned before = process_state_count("fd");
    for (int i = 0; i < ROUNDS; i++) {
        store_open(&store, subject, 0);
        use_store(&store);
        store_close(&store);
        unsigned after = process_state_count("fd");
        check_that(after <= before, "close leaves %u descriptors open", after - before);
    }
}

void check_memory_given_back(const struct subject *subject)
{
    struct store store = {0};
    enum { ROUNDS = 3 };

    /* The first time, libraries make what they keep. */
    store_open_empty(&store, subject, 0);
    use_store(&store);
    store_close(&store);
    for (int i = 0; i < ROUNDS; i++) {
        long before = allocation_balance();
        store_open(&store, subject, 0);
        use_store(&store);
        store_close(&store);
        long after = allocation_balance();
        check_that(after <= before, "open, use and close leave %ld allocations behind",
                   after - before);
    }
}

/* The wrappers of store.c hold every failure against the rules; here are failures. */
void check_failures(const struct subject *subject)
{
    struct store store = {0};
    struct store other = {0};
    size_t found;
    bool matches;

    store_open_empty(&store, subject, 0);
    store_open(&other, subject, 0);
    store_size(&store, "missing", &found);
    check_that(strstr(store.message, "missing") != NULL,
               "the message about a missing value does not name it: %s", store.message);
    store_get(&store, "missing", 100, 1, &found, &matches);
    store_delete(&store, "missing", 0);
    store_must_put(&store, "permall", 1, 100);
    store_get(&store, "permall", 10, 1, &found, &matches);
    store_put(&store, "/", 1, 1, 0);
    store_put(&store, "permall", 1, SWTPM_STORAGE_VALUE_MAX + 1, 0);
    store_lock(&store);
    store_lock(&other);
    store_must_have(&store, "permall", 1, 100);
    store_close(&other);
    store_close(&store);
}
