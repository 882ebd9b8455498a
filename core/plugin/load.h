/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_LOAD_H
#define PLUGIN_LOAD_H

#include "swtpm_plugin.h"
#include "util/error.h"

/* One plugin file: from its path to its checked descriptor. */

/*
 * Checks and loads the file `path` in `directory` as KIND-NAME.so.  The file may be a link; what is
 * checked, and loaded by its real path, is what it leads to.  With root's rights both the directory
 * and the real path must pass path_trust_check, so nobody but root can exchange the file between
 * check and loading; that it did not change is verified all the same.  Returns the descriptor,
 * which lives as long as the process, or NULL with a message that names the file.
 */
const struct swtpm_plugin *plugin_load_file(const char *directory, const char *path,
                                            enum swtpm_plugin_kind kind, const char *name,
                                            struct error *error);

#endif
