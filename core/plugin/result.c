/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/result.h"

#include <stdarg.h>
#include <stdio.h>

#include "plugin/descriptor.h"

static void prefix_with_plugin(const struct swtpm_plugin *plugin, struct error *error)
{
    error_prefix(error, "%s plugin '%s': ", plugin_kind_name(plugin->kind), plugin->name);
}

static void make_one_line(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

int plugin_result(const struct swtpm_plugin *plugin, int code,
                  struct swtpm_plugin_error *plugin_error, struct error *error)
{
    if (code == SWTPM_PLUGIN_OK)
        return SWTPM_PLUGIN_OK;
    plugin_error->message[sizeof plugin_error->message - 1] = '\0';
    make_one_line(plugin_error->message);
    if (plugin_error->message[0] != '\0')
        error_set(error, "%s", plugin_error->message);
    else
        error_set(error, "failed with code %d and without a message", code);
    if (code > SWTPM_PLUGIN_OK || code < SWTPM_PLUGIN_FENCED) {
        error_prefix(error, "returned %d, which is no code of the plugin interface: ", code);
        code = SWTPM_PLUGIN_IO;
    }
    prefix_with_plugin(plugin, error);
    return code;
}

int plugin_failure(const struct swtpm_plugin *plugin, int code, struct error *error,
                   const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    prefix_with_plugin(plugin, error);
    return code;
}
