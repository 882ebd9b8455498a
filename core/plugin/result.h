/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_RESULT_H
#define PLUGIN_RESULT_H

#include "swtpm_plugin.h"
#include "util/error.h"

/* What a plugin's op returned, made fit for the core. */

/* Before a call: a message that stays empty if the plugin sets none. */
static inline void plugin_error_clear(struct swtpm_plugin_error *plugin_error)
{
    plugin_error->message[0] = '\0';
}

/* The core's result for `code`: 0, or a code of enum swtpm_plugin_result, anything else being
 * SWTPM_PLUGIN_IO.  On failure sets `error` to one line: the plugin's kind and name and its
 * message, cut to its room and freed of control characters. */
int plugin_result(const struct swtpm_plugin *plugin, int code,
                  struct swtpm_plugin_error *plugin_error, struct error *error);

/* As plugin_result for a failure that the core found itself.  Returns `code`. */
int plugin_failure(const struct swtpm_plugin *plugin, int code, struct error *error,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
