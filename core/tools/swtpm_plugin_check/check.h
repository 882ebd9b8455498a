/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_CHECK_H
#define TOOLS_SWTPM_PLUGIN_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * A check tests one sentence of the contract (swtpm_plugin.h), which it quotes.  It runs in a
 * process of its own, so that a plugin that crashes, hangs or leaks spoils no other check, and says
 * what it found by check_fail or check_skip; a check that returns has passed.
 */

/* The plugin under test. */
struct subject {
    const char *directory; /* absolute directory of its file */
    const char *file;      /* absolute path */
    enum swtpm_plugin_kind kind;
    const char *name;
    const struct swtpm_plugin *plugin; /* NULL for the checks of the file */
    const char *location;              /* of storage; "{}" stands for a number */
    const char *place;                 /* that holds the store of a location; NULL if not known */
    unsigned store_base;               /* first number for the stores of the running check */
    bool seccomp;                      /* ops run in the sandbox that the plugin asks for */
};

enum check_kind { CHECK_FILE, CHECK_STORAGE, CHECK_CRYPTO };

struct check {
    const char *sentence; /* its mark in swtpm_plugin.h, "S12" */
    const char *quote;    /* words of that sentence */
    const char *what;     /* what is tested of it; NULL if the quote says that */
    enum check_kind kind;
    void (*run)(const struct subject *subject);
};

/* All checks, in the order in which they run. */
extern const struct check check_table[];
extern const size_t check_count;

/* Ends this process and fails the check.  From any thread and from children of the check too. */
void check_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Ends this process; the check counts as skipped, for that reason. */
void check_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Fails unless the condition holds. */
#define check_that(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_fail(__VA_ARGS__);                                                               \
    } while (0)

/* Zeroed memory that children of this process share; lives until the process ends. */
void *check_shared_memory(size_t size);

/* Runs `body` in a child of the check and waits for it.  A failure in it fails the check. */
void check_in_child(void (*body)(void *context), void *context);

/* Fails, or ends as the child did, unless this wait status is that of a child that returned. */
void check_child_status(int status);

enum check_outcome { CHECK_PASSED, CHECK_FAILED, CHECK_SKIPPED };

enum { CHECK_REASON_SIZE = 2048 };

/* Runs one check in a child process.  `reason` says why it failed or was skipped. */
enum check_outcome check_run(const struct check *check, const struct subject *subject,
                             unsigned timeout_seconds, char reason[CHECK_REASON_SIZE]);

#endif
