/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/sandbox.h"

int sandbox_open(struct sandbox *sandbox, enum seccomp_action action, unsigned features,
                 struct error *error)
{
    *sandbox = (struct sandbox){.action = action, .landlock = {.ruleset = -1}};
    if (action == SECCOMP_ACTION_NONE)
        return 0;
    seccomp_list_add_core(&sandbox->calls, features);
    return landlock_open(&sandbox->landlock, error);
}

int sandbox_allow_calls(struct sandbox *sandbox, const char *plugin, const char *const *names,
                        struct error *error)
{
    if (sandbox->action == SECCOMP_ACTION_NONE)
        return 0;
    return seccomp_list_add(&sandbox->calls, plugin, names, error);
}

int sandbox_allow_path(struct sandbox *sandbox, const char *path, uint32_t access,
                       struct error *error)
{
    return landlock_allow(&sandbox->landlock, path, access, error);
}

int sandbox_allow_path_fd(struct sandbox *sandbox, int fd, const char *name, uint32_t access,
                          struct error *error)
{
    return landlock_allow_fd(&sandbox->landlock, fd, name, access, error);
}

int sandbox_restrict_paths(struct sandbox *sandbox, struct error *error)
{
    return landlock_close(&sandbox->landlock, error);
}

int sandbox_close(struct sandbox *sandbox, struct error *error)
{
    return seccomp_close(&sandbox->calls, sandbox->action, error);
}

void sandbox_discard(struct sandbox *sandbox)
{
    landlock_discard(&sandbox->landlock);
}

static void print_call(const struct seccomp_call *call, FILE *stream)
{
    fprintf(stream, "{ \"name\": \"%s\", \"source\": \"%s\"", call->name, call->source);
    if (call->reason != NULL)
        fprintf(stream, ", \"reason\": \"%s\"", call->reason);
    if (call->condition != NULL)
        fprintf(stream, ", \"condition\": \"%s\"", call->condition->text);
    fputs(" }", stream);
}

int sandbox_print(const struct sandbox *sandbox, FILE *stream)
{
    static const char *const actions[] = {[SECCOMP_ACTION_KILL] = "kill",
                                          [SECCOMP_ACTION_LOG] = "log",
                                          [SECCOMP_ACTION_NONE] = "none"};

    fprintf(stream,
            "{ \"type\": \"swtpm\", \"sandbox\": { \"action\": \"%s\", \"system_calls\": [\n",
            actions[sandbox->action]);
    for (size_t i = 0; i < sandbox->calls.count; i++) {
        fputs("  ", stream);
        print_call(&sandbox->calls.calls[i], stream);
        fputs(i + 1 < sandbox->calls.count ? ",\n" : "\n", stream);
    }
    fputs("] } }\n", stream);
    return fflush(stream) == 0 && !ferror(stream) ? 0 : -1;
}
