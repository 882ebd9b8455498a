/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_RESULT_H
#define STORAGE_LMDB_RESULT_H

#include "swtpm_plugin.h"

/*
 * A status is what the parts of this plugin return to each other: 0, a code of enum
 * swtpm_plugin_result (-1 to -11), a code of LMDB (-30799 and above) or an errno value.  The
 * ranges do not meet.
 */

/* The enum swtpm_plugin_result that a status means to the host. */
int result_of_status(int status);

/* As plugin_fail_errno (common/failure.h), for any status. */
int result_fail_status(struct swtpm_plugin_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
