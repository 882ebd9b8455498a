/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "sandbox/supervisor.h"
#include "swtpm_plugin.h"

/* ------------------------------------------------------------------------------ the list ----- */

static const struct seccomp_condition not_executable = {
    .argument = 2, .mask = PROT_EXEC, .value = 0, .text = "never executable"};

static const struct seccomp_condition append_only = {
    .argument = 2,
    .mask = O_ACCMODE | O_APPEND | O_TRUNC | O_NOFOLLOW,
    .value = O_WRONLY | O_APPEND | O_NOFOLLOW,
    .text = "only to append, not following a link"};

static const struct seccomp_condition asks_for_terminal = {
    .argument = 1, .mask = UINT64_MAX, .value = TCGETS, .text = "only TCGETS"};

/* These hold for everybody who asks for the call. */
static const struct {
    const char *name;
    const struct seccomp_condition *condition;
} standing_conditions[] = {
    {"mmap", &not_executable},
    {"mprotect", &not_executable},
    {"pkey_mprotect", &not_executable},
};

struct core_call {
    const char *name;
    unsigned features; /* needed by any of these; 0: always */
    const char *reason;
    const struct seccomp_condition *condition;
};

/* The most frequent ones first: the kernel tries them in this order. */
static const struct core_call core_calls[] = {
    {"read", 0, "requests from the device, wake-ups from the worker", NULL},
    {"writev", 0, "replies to the device, log lines", NULL},
    {"futex", 0, "hand-over to the worker thread", NULL},
    {"poll", 0, "wait for the device and the worker", NULL},
    {"write", 0, "wake-ups, the pid, the service manager", NULL},
    {"dup3", 0, "a signal wakes the loop, the background gets its streams, a new log", NULL},
    {"restart_syscall", 0, "a wait goes on after SIGSTOP and SIGCONT", NULL},
    {"ioctl", 0, "libtpms tells a character device, the terminal or /dev/null, of its failure",
     &asks_for_terminal},
    {"exit", 0, "the worker thread ends", NULL},
    {"exit_group", 0, "the process ends", NULL},
    {"openat", SECCOMP_LOG_FILE, "the log file, again", &append_only},
    {"fchmod", SECCOMP_LOG_FILE, "the mode of a new log file", NULL},
    {"clock_nanosleep", SECCOMP_LOCK_AGAIN, "pauses between tries to take the lock", NULL},
    {"ftruncate", SECCOMP_PID_FILE | SECCOMP_CAPTURE,
     "nothing but the pid in the pid file; no half packet in the capture", NULL},
    {"unlinkat", SECCOMP_PID_FILE, "the pid file is removed", NULL},
};

static const char *const host_calls[] = {SWTPM_HOST_SYSTEM_CALLS, NULL};

/* A way out of the sandbox, or a part of the kernel that cannot be narrowed down here. */
static const char *const never_granted[] = {"execve",
                                            "execveat",
                                            "fork",
                                            "vfork",
                                            "clone",
                                            "clone3",
                                            "ptrace",
                                            "process_vm_readv",
                                            "process_vm_writev",
                                            "ioctl",
                                            "prctl",
                                            "seccomp",
                                            "bpf",
                                            "io_uring_setup",
                                            "userfaultfd",
                                            "open_by_handle_at",
                                            NULL};

static bool contains(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static const struct seccomp_condition *standing_condition(const char *name)
{
    for (size_t i = 0; i < sizeof standing_conditions / sizeof standing_conditions[0]; i++)
        if (strcmp(standing_conditions[i].name, name) == 0)
            return standing_conditions[i].condition;
    return NULL;
}

static bool is_listed(const struct seccomp_list *list, const struct seccomp_call *call)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->calls[i].name, call->name) == 0 &&
            (list->calls[i].condition == NULL || list->calls[i].condition == call->condition))
            return true;
    return false;
}

/* -1 if there is no room. */
static int add(struct seccomp_list *list, struct seccomp_call call)
{
    if (call.condition == NULL)
        call.condition = standing_condition(call.name);
    if (is_listed(list, &call) || seccomp_syscall_resolve_name(call.name) < 0)
        return 0;
    if (list->count == SECCOMP_LIST_CAPACITY)
        return -1;
    list->calls[list->count++] = call;
    return 0;
}

void seccomp_list_add_core(struct seccomp_list *list, unsigned features)
{
    for (size_t i = 0; i < sizeof core_calls / sizeof core_calls[0]; i++) {
        const struct core_call *call = &core_calls[i];
        if (call->features == 0 || (call->features & features) != 0)
            add(list, (struct seccomp_call){.name = call->name,
                                            .source = "core",
                                            .reason = call->reason,
                                            .condition = call->condition});
    }
    for (const char *const *name = host_calls; *name != NULL; name++)
        add(list, (struct seccomp_call){.name = *name, .source = "host"});
}

/* The list's own copy; NULL with a message. */
static const char *add_plugin(struct seccomp_list *list, const char *plugin, struct error *error)
{
    if (list->plugin_count == SECCOMP_PLUGINS_MAX) {
        error_set(error, "plugin '%s' is one more than there is room for", plugin);
        return NULL;
    }
    char *copy = list->plugins[list->plugin_count++];
    snprintf(copy, SECCOMP_SOURCE_SIZE, "%s", plugin);
    return copy;
}

int seccomp_list_add(struct seccomp_list *list, const char *plugin, const char *const *names,
                     struct error *error)
{
    const char *source = add_plugin(list, plugin, error);
    if (source == NULL)
        return -1;
    for (; *names != NULL; names++) {
        if (seccomp_syscall_resolve_name(*names) == __NR_SCMP_ERROR) {
            error_set(error,
                      "plugin '%s' names the system call '%s', which does not exist; the "
                      "plugin, or libseccomp here, is wrong",
                      source, *names);
            return -1;
        }
        if (contains(never_granted, *names)) {
            error_set(error,
                      "plugin '%s' names the system call '%s', which no plugin gets; it has "
                      "to do without, or --seccomp action=none",
                      source, *names);
            return -1;
        }
        if (add(list, (struct seccomp_call){.name = *names, .source = source}) != 0) {
            error_set(error, "plugin '%s' names more system calls than there is room for", source);
            return -1;
        }
    }
    return 0;
}

/* ----------------------------------------------------------------------------- the filter ---- */

static int fail(struct error *error, const char *doing, int result)
{
    error_set(error, "option --seccomp: cannot %s: %s", doing, strerror(-result));
    return -1;
}

static int allow(scmp_filter_ctx filter, const struct seccomp_call *call)
{
    int number = seccomp_syscall_resolve_name(call->name);
    const struct seccomp_condition *condition = call->condition;

    if (condition == NULL)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    return seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, number, 1,
        SCMP_CMP(condition->argument, SCMP_CMP_MASKED_EQ, condition->mask, condition->value));
}

static int allow_all(scmp_filter_ctx filter, const struct seccomp_list *list, struct error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct seccomp_call *call = &list->calls[i];
        uint8_t rank = (uint8_t)(UINT8_MAX - (i < UINT8_MAX ? i : UINT8_MAX));
        int result = allow(filter, call);
        if (result == 0)
            result =
                seccomp_syscall_priority(filter, seccomp_syscall_resolve_name(call->name), rank);
        if (result == 0)
            continue;
        error_set(error, "option --seccomp: cannot allow '%s': %s", call->name, strerror(-result));
        return -1;
    }
    return 0;
}

/* What the supervisor itself needs: it cannot be notified of its own calls. */
static int allow_supervision(scmp_filter_ctx filter)
{
    const uint64_t requests[] = {SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND};
    int result = 0;

    for (size_t i = 0; i < 2 && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_CMP(1, SCMP_CMP_EQ, requests[i]));
    return result;
}

static scmp_filter_ctx build(const struct seccomp_list *list, enum seccomp_action action,
                             struct error *error)
{
    bool notify = action == SECCOMP_ACTION_LOG;
    scmp_filter_ctx filter = seccomp_init(notify ? SCMP_ACT_NOTIFY : SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        error_set(error, "option --seccomp: libseccomp cannot make a filter; is this kernel built "
                         "with CONFIG_SECCOMP_FILTER?");
        return NULL;
    }
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0 && notify)
        result = allow_supervision(filter);
    if (result != 0)
        fail(error, "set up the filter", result);
    if (result == 0 && allow_all(filter, list, error) == 0)
        return filter;
    seccomp_release(filter);
    return NULL;
}

static int load_supervised(scmp_filter_ctx filter, struct error *error)
{
    struct supervisor *supervisor = supervisor_start(error);
    if (supervisor == NULL)
        return -1;
    int result = seccomp_load(filter);
    supervisor_attach(supervisor, result == 0 ? seccomp_notify_fd(filter) : -1);
    return result == 0 ? 0 : fail(error, "put the filter in force", result);
}

int seccomp_close(const struct seccomp_list *list, enum seccomp_action action, struct error *error)
{
    int result;

    if (action == SECCOMP_ACTION_NONE)
        return 0;
    scmp_filter_ctx filter = build(list, action, error);
    if (filter == NULL)
        return -1;
    if (action == SECCOMP_ACTION_LOG) {
        result = load_supervised(filter, error);
    } else {
        result = seccomp_load(filter);
        if (result != 0)
            fail(error, "put the filter in force", result);
    }
    seccomp_release(filter);
    return result == 0 ? 0 : -1;
}
