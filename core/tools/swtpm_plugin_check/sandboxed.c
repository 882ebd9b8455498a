/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/use.h"

/* The ops in the sandbox that swtpm_cuse would put them in. */

static void need_sandbox(const struct subject *subject)
{
    if (!subject->seccomp)
        check_skip("only with --seccomp");
}

static void allow_calls(struct sandbox *sandbox, const struct subject *subject)
{
    struct error error;

    check_that(sandbox_open(sandbox, SECCOMP_ACTION_KILL, 0, &error) == 0 &&
                   sandbox_allow_calls(sandbox, subject->plugin->name,
                                       subject->plugin->system_calls, &error) == 0,
               "%s", error.text);
}

static void shut(struct sandbox *sandbox)
{
    struct error error;

    check_that(sandbox_restrict_paths(sandbox, &error) == 0 && sandbox_close(sandbox, &error) == 0,
               "%s", error.text);
}

static void use_storage(void *context)
{
    const struct subject *subject = context;
    struct sandbox sandbox;
    struct store store = {0};
    struct error error;

    allow_calls(&sandbox, subject);
    store_open_empty(&store, subject, 0);
    for (unsigned i = 0; i < store.path_count; i++)
        check_that(
            sandbox_allow_path(&sandbox, store.paths[i].path, store.paths[i].access, &error) == 0,
            "%s", error.text);
    shut(&sandbox);
    use_store(&store);
    store_close(&store);
}

static void use_crypto(void *context)
{
    const struct subject *subject = context;
    struct sandbox sandbox;

    allow_calls(&sandbox, subject);
    shut(&sandbox);
    check_random(subject);
    check_crypto_sizes(subject);
    check_gcm_forgery(subject);
}

static void run_sandboxed(const struct subject *subject, void (*body)(void *context))
{
    struct subject copy = *subject;
    int status;
    pid_t child = fork();

    check_that(child >= 0, "no process can be started");
    if (child == 0) {
        body(&copy);
        _exit(0);
    }
    check_that(waitpid(child, &status, 0) == child, "waitpid failed");
    check_that(!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS,
               "an op made a system call that its sandbox does not allow; 'strace -f' of this "
               "check shows it, just before SIGSYS");
    check_child_status(status);
}

void check_storage_in_sandbox(const struct subject *subject)
{
    need_sandbox(subject);
    run_sandboxed(subject, use_storage);
}

void check_crypto_in_sandbox(const struct subject *subject)
{
    need_sandbox(subject);
    run_sandboxed(subject, use_crypto);
}
