/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

/* Beyond SWTPM_HOST_SYSTEM_CALLS, as made by glibc: the lock needs fcntl, fstatat newfstatat with a
 * path. */
static const char *const system_calls[] = {
    "newfstatat", "fcntl", "fdatasync", "fstatfs", "ftruncate", NULL,
};

static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_BE_DURABLE | SWTPM_STORAGE_CAN_LOCK,
    .open = storage_file_open,
    .close = storage_file_close,
    .lock = storage_file_lock,
    .unlock = storage_file_unlock,
    .get = storage_file_get,
    .put = storage_file_put,
    .del = storage_file_del,
    .list = storage_file_list,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = "file",
    .version = PROJECT_VERSION,
    .summary = "All values in one file or block device",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
