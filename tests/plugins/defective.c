/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A storage plugin that is right but for one macro: each plugin that the loader must refuse is this
 * file, built with one of these defined otherwise (tests/tests.ninja).
 */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "swtpm_plugin.h"

#ifndef DEFECTIVE_MAGIC
#define DEFECTIVE_MAGIC SWTPM_PLUGIN_MAGIC
#endif
#ifndef DEFECTIVE_ABI
#define DEFECTIVE_ABI SWTPM_PLUGIN_ABI
#endif
#ifndef DEFECTIVE_KIND
#define DEFECTIVE_KIND SWTPM_PLUGIN_STORAGE
#endif
#ifndef DEFECTIVE_OPS_SIZE
#define DEFECTIVE_OPS_SIZE sizeof(struct grown_ops)
#endif
#ifndef DEFECTIVE_SUMMARY
#define DEFECTIVE_SUMMARY "A plugin for tests"
#endif
#ifndef DEFECTIVE_SYSTEM_CALLS
#define DEFECTIVE_SYSTEM_CALLS no_system_calls
#endif
#ifndef DEFECTIVE_CAPABILITIES
#define DEFECTIVE_CAPABILITIES 0
#endif
#ifndef DEFECTIVE_LIST
#define DEFECTIVE_LIST do_list
#endif
#ifndef DEFECTIVE_OPS
#define DEFECTIVE_OPS &ops.known
#endif
#ifndef DEFECTIVE_SURPLUS
#define DEFECTIVE_SURPLUS __attribute__((unused)) static
#endif
#ifndef DEFECTIVE_SYMBOL
#define DEFECTIVE_SYMBOL swtpm_plugin
#endif

/* What a header of later days might hold: the ops of today and one more behind them. */
struct grown_ops {
    struct swtpm_storage_ops known;
    int (*later)(struct swtpm_storage *storage);
};

/* For the plugin that expects a symbol from its host. */
extern int defined_by_no_program(struct swtpm_storage *storage, swtpm_storage_visitor visit,
                                 void *context, struct swtpm_plugin_error *error);

/* For the plugin that exports more than its descriptor. */
DEFECTIVE_SURPLUS const int surplus_symbol = 1;

/* Tells a test whether anything of a plugin ran; and puts another file in the plugin's place where
 * the test asks for that. */
__attribute__((constructor)) static void leave_a_trace(void)
{
    const char *other = getenv("DEFECTIVE_PLUGIN_MOVE_FROM");

    setenv("DEFECTIVE_PLUGIN_RAN", DEFECTIVE_NAME, 1);
    if (other != NULL)
        rename(other, getenv("DEFECTIVE_PLUGIN_MOVE_TO"));
}

static int do_open(struct swtpm_storage **storage,
                   const struct swtpm_storage_parameters *parameters,
                   struct swtpm_plugin_error *error)
{
    (void)storage;
    (void)parameters;
    error->message[0] = '\0';
    return SWTPM_PLUGIN_UNSUPPORTED;
}

static void do_close(struct swtpm_storage *storage)
{
    (void)storage;
}

static int do_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    (void)storage;
    error->message[0] = '\0';
    return SWTPM_PLUGIN_UNSUPPORTED;
}

static int do_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                  size_t *size, struct swtpm_plugin_error *error)
{
    (void)name;
    (void)buffer;
    (void)size;
    return do_lock(storage, error);
}

static int do_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                  uint32_t flags, struct swtpm_plugin_error *error)
{
    (void)name;
    (void)value;
    (void)flags;
    return do_lock(storage, error);
}

static int do_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                  struct swtpm_plugin_error *error)
{
    (void)name;
    (void)flags;
    return do_lock(storage, error);
}

__attribute__((unused)) static int do_list(struct swtpm_storage *storage,
                                           swtpm_storage_visitor visit, void *context,
                                           struct swtpm_plugin_error *error)
{
    (void)visit;
    (void)context;
    return do_lock(storage, error);
}

__attribute__((unused)) static const char *const no_system_calls[] = {NULL};

__attribute__((unused)) static const struct grown_ops ops = {
    .known =
        {
            .capabilities = DEFECTIVE_CAPABILITIES,
            .open = do_open,
            .close = do_close,
            .lock = do_lock,
            .unlock = do_lock,
            .get = do_get,
            .put = do_put,
            .del = do_del,
            .list = DEFECTIVE_LIST,
        },
};

__attribute__((visibility("default"))) extern const struct swtpm_plugin DEFECTIVE_SYMBOL;

const struct swtpm_plugin DEFECTIVE_SYMBOL = {
    .magic = DEFECTIVE_MAGIC,
    .abi = DEFECTIVE_ABI,
    .kind = DEFECTIVE_KIND,
    .ops_size = DEFECTIVE_OPS_SIZE,
    .name = DEFECTIVE_NAME,
    .version = "1.0",
    .summary = DEFECTIVE_SUMMARY,
    .system_calls = DEFECTIVE_SYSTEM_CALLS,
    .ops = {.storage = DEFECTIVE_OPS},
};
