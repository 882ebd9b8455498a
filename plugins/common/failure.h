/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_COMMON_FAILURE_H
#define PLUGINS_COMMON_FAILURE_H

#include "swtpm_plugin.h"

/*
 * Messages and codes of storage plugins whose medium is reached by system calls.
 */

/* Sets the message.  Returns `code`. */
int plugin_fail(struct swtpm_plugin_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the message, followed by ": ", the text of `error_number`, an errno(3), and what can be done
 * about it, where that is known.  Returns the code for it. */
int plugin_fail_errno(struct swtpm_plugin_error *error, int error_number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
