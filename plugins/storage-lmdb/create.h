/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_CREATE_H
#define STORAGE_LMDB_CREATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * Makes those files of an environment (directory.h) that are missing: the lock files always, the
 * data file if `create`, else it must be there.  `fd` is the directory, `directory` its absolute
 * path.  Several processes may do so at once; one makes, the others wait for it.  No file that
 * exists is changed.  0 or a result.
 */
int create_files(int fd, const char *directory, mode_t mode, bool create,
                 struct swtpm_plugin_error *error);

#endif
