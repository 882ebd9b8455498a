/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_REWRITE_H
#define STORAGE_FILE_REWRITE_H

#include "change.h"

/* Places the extension anew, without the value of that name, and with it if `value` is not NULL. */
int rewrite_extension(struct change *change, enum extension_owner owner, const char *name,
                      const struct swtpm_bytes *value, struct swtpm_plugin_error *error);

#endif
