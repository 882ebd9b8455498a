/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_TREE_H
#define TOOLS_SWTPM_PLUGIN_CHECK_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "tools/swtpm_plugin_check/store.h"

/* Looks at the files of a store, as far as it announced where they are. */

/* Called for each file and directory at and beneath the announced paths, sorted within each
 * directory.  `status` is that of lstat(2). */
typedef void (*tree_visitor)(void *context, const char *path, const struct stat *status);

/* What cannot be looked at is passed over. */
void tree_walk(const struct store *store, tree_visitor visit, void *context);

/* A number that differs if any name, mode, owner, size, time of change or content differs. */
uint64_t tree_fingerprint(const struct store *store);

/* Removes `path` and all beneath it. */
void tree_remove(const char *path);

#endif
