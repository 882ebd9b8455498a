/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

/* Beyond SWTPM_HOST_SYSTEM_CALLS, as made by glibc: fdopendir and the lock need fcntl, readdir
 * getdents64, fstatat newfstatat with a path. */
static const char *const system_calls[] = {
    "openat", "newfstatat", "fchmod",     "fchown", "fsync",
    "renameat", "unlinkat", "getdents64", "fcntl",  NULL,
};

static const struct swtpm_storage_ops ops = {
    .capabilities = SWTPM_STORAGE_CAN_BE_DURABLE | SWTPM_STORAGE_CAN_LOCK,
    .open = storage_dir_open,
    .close = storage_dir_close,
    .lock = storage_dir_lock,
    .unlock = storage_dir_unlock,
    .get = storage_dir_get,
    .put = storage_dir_put,
    .del = storage_dir_del,
    .list = storage_dir_list,
};

const struct swtpm_plugin swtpm_plugin = {
    .magic = SWTPM_PLUGIN_MAGIC,
    .abi = SWTPM_PLUGIN_ABI,
    .kind = SWTPM_PLUGIN_STORAGE,
    .ops_size = sizeof ops,
    .name = "dir",
    .version = PROJECT_VERSION,
    .summary = "Each value is a file in a directory",
    .system_calls = system_calls,
    .ops = {.storage = &ops},
};
