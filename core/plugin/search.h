/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_SEARCH_H
#define PLUGIN_SEARCH_H

#include "swtpm_plugin.h"
#include "util/error.h"

/*
 * Finding, checking and loading plugin files (swtpm-plugin(3), FILES).
 *
 * Directories are searched in this order: `directory` (--plugin-dir), $SWTPM_PLUGIN_DIR (ignored
 * where secure_getenv(3) ignores it), the compiled-in SWTPM_PLUGIN_DIRECTORY.  The first that holds
 * a file of the wanted name decides: found but bad is an error, not a reason to look further.
 */

struct plugin_search {
    const char *directory; /* absolute, or NULL; borrowed */
};

/* Loads KIND-NAME.so and checks all that can be checked without calling an op.  Returns the
 * descriptor, which lives as long as the process, or NULL with a message: which file, what was
 * found, what was wanted, what to do.  Must run before the process starts a thread. */
const struct swtpm_plugin *plugin_load(const struct plugin_search *search,
                                       enum swtpm_plugin_kind kind, const char *name,
                                       struct error *error);

/* Whether `name` matches [a-z0-9][a-z0-9-]{0,30}. */
int plugin_name_is_valid(const char *name);

/* Called for each plugin file of a directory that would be found, sorted by kind and name.
 * `plugin` is NULL for a rejected one; `reason` then says why. */
typedef void (*plugin_visitor)(void *context, enum swtpm_plugin_kind kind, const char *name,
                               const char *path, const struct swtpm_plugin *plugin,
                               const char *reason);

/* Loads and visits every plugin there is.  0, or -1 with a message if a directory that exists
 * cannot be read. */
int plugin_for_each(const struct plugin_search *search, plugin_visitor visit, void *context,
                    struct error *error);

#endif
