/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_STORAGE_CALL_H
#define TOOLS_SWTPM_PLUGIN_CHECK_STORAGE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/swtpm_plugin_check/trace.h"

/* System calls by what they do to a store. */

enum storage_call_kind {
    STORAGE_CALL_OTHER, /* memory, time, threads */
    STORAGE_CALL_OPEN,
    STORAGE_CALL_READ,
    STORAGE_CALL_WRITE,     /* to a file: the data, or its size */
    STORAGE_CALL_SYNC,      /* a file or directory */
    STORAGE_CALL_DIRECTORY, /* names: rename, link, unlink, mkdir */
    STORAGE_CALL_STATUS,    /* stat and its like */
    STORAGE_CALL_ATTRIBUTE, /* mode, owner */
    STORAGE_CALL_LOCK,
    STORAGE_CALL_MAP
};

/* By its name, and by its arguments where they decide (fcntl, mmap). */
enum storage_call_kind storage_call_kind(const struct system_call *call);

#endif
