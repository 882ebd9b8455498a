/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_DESCRIPTOR_H
#define PLUGIN_DESCRIPTOR_H

#include "swtpm_plugin.h"
#include "util/error.h"

/* Checks of a loaded plugin's descriptor, before any op of it is called. */

/* "storage" or "crypto", as in file names; NULL if `kind` is neither. */
const char *plugin_kind_name(uint32_t kind);

/* Checks magic, ABI, kind, name, the size of the ops and that none is missing, and that the rest is
 * what swtpm_plugin.h asks for.  `kind` and `name` are those of the plugin's file.  0, or -1 with a
 * message that says what was found, what was wanted and what to do, without the file's name. */
int plugin_descriptor_check(const struct swtpm_plugin *plugin, enum swtpm_plugin_kind kind,
                            const char *name, struct error *error);

/* The growth rule of swtpm_plugin.h: fills `to` (host_size bytes) with the first plugin_size bytes
 * of `from`, cut or followed by zeros. */
void plugin_ops_copy(void *to, size_t host_size, const void *from, size_t plugin_size);

#endif
