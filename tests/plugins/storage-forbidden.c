/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A storage plugin that breaks out of the sandbox, for tests of it: the location says which system
 * call it makes when something is stored, that is after start.  It keeps nothing.  Built as several
 * plugins, which differ in NAME and in the SYSTEM_CALLS that they name.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "swtpm_plugin.h"

static long call_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long call_openat(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

/* Fails with ENOENT where it is let through. */
static long call_execve(void)
{
    return execl("/nonexistent/program", "program", (char *)NULL) == -1 && errno == ENOENT ? 0 : -1;
}

static long call_clone(void)
{
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child;
}

/* Fails with EBADF where it is let through. */
static long call_ioctl(void)
{
    int pending;
    return ioctl(-1, FIONREAD, &pending) == -1 && errno == EBADF ? 0 : -1;
}

static long call_kill(void)
{
    return kill(getppid(), 0);
}

static long call_mmap(void)
{
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code == MAP_FAILED ? -1 : 0;
}

static const struct {
    const char *name;
    long (*make)(void);
} calls[] = {
    {"socket", call_socket}, {"openat", call_openat}, {"execve", call_execve},
    {"clone", call_clone},   {"ioctl", call_ioctl},   {"kill", call_kill},
    {"mmap", call_mmap},
};

struct swtpm_storage {
    size_t call; /* index */
};

static int forbidden_open(struct swtpm_storage **storage,
                          const struct swtpm_storage_parameters *parameters,
                          struct swtpm_plugin_error *error)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i].name, parameters->location) != 0)
            continue;
        struct swtpm_storage *opened = malloc(sizeof *opened);
        if (opened == NULL)
            return SWTPM_PLUGIN_NO_MEMORY;
        opened->call = i;
        *storage = opened;
        return SWTPM_PLUGIN_OK;
    }
    snprintf(error->message, sizeof error->message, "'%s' is no call that this plugin can make",
             parameters->location);
    return SWTPM_PLUGIN_INVALID;
}

static void forbidden_close(struct swtpm_storage *storage)
{
    free(storage);
}

static int do_nothing(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)error;
    return SWTPM_PLUGIN_OK;
}

static int forbidden_get(struct swtpm_storage *storage, const char *name,
                         struct swtpm_buffer buffer, size_t *size,
                         struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)buffer;
    (void)size;
    snprintf(error->message, sizeof error->message, "there is no '%s'", name);
    return SWTPM_PLUGIN_NOT_FOUND;
}

static int forbidden_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                         uint32_t flags, struct swtpm_plugin_error *error)
{
    (void)name;
    (void)value;
    (void)flags;
    if (calls[storage->call].make() >= 0)
        return SWTPM_PLUGIN_OK;
    snprintf(error->message, sizeof error->message, "%s failed: %s", calls[storage->call].name,
             strerror(errno));
    return SWTPM_PLUGIN_DENIED;
}

static int forbidden_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                         struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)flags;
    snprintf(error->message, sizeof error->message, "there is no '%s'", name);
    return SWTPM_PLUGIN_NOT_FOUND;
}

static int forbidden_list(struct swtpm_storage *storage, swtpm_storage_visitor visit,
                          void *context, struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)visit;
    (void)context;
    (void)error;
    return SWTPM_PLUGIN_OK;
}

/* The capabilities are there so that no option is needed to do without. */
static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_BE_DURABLE | SWTPM_STORAGE_CAN_LOCK,
    .open = forbidden_open,
    .close = forbidden_close,
    .lock = do_nothing,
    .unlock = do_nothing,
    .get = forbidden_get,
    .put = forbidden_put,
    .del = forbidden_del,
    .list = forbidden_list,
};

static const char *const system_calls[] = {SYSTEM_CALLS NULL};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = NAME,
    .version = "1",
    .summary = "makes the system call that the location names",
    .system_calls = system_calls,
    .ops.storage = &ops,
};
