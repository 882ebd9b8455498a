/* SPDX-License-Identifier: BSD-3-Clause */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "advice.h"

static const struct {
    int error_number;
    int code;
} codes[] = {
    {ENOENT, SWTPM_PLUGIN_NOT_FOUND},   {EACCES, SWTPM_PLUGIN_DENIED},
    {EPERM, SWTPM_PLUGIN_DENIED},       {EROFS, SWTPM_PLUGIN_DENIED},
    {ELOOP, SWTPM_PLUGIN_DENIED},       {ENOTDIR, SWTPM_PLUGIN_DENIED},
    {EISDIR, SWTPM_PLUGIN_DENIED},      {ENXIO, SWTPM_PLUGIN_DENIED},
    {ENOSPC, SWTPM_PLUGIN_NO_SPACE},    {EDQUOT, SWTPM_PLUGIN_NO_SPACE},
    {EFBIG, SWTPM_PLUGIN_NO_SPACE},     {EMFILE, SWTPM_PLUGIN_NO_SPACE},
    {ENFILE, SWTPM_PLUGIN_NO_SPACE},    {ENOMEM, SWTPM_PLUGIN_NO_MEMORY},
    {ENOLCK, SWTPM_PLUGIN_UNSUPPORTED}, {EOPNOTSUPP, SWTPM_PLUGIN_UNSUPPORTED},
    {ENOSYS, SWTPM_PLUGIN_UNSUPPORTED}, {ENAMETOOLONG, SWTPM_PLUGIN_INVALID},
};

static int code_of(int error_number)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].error_number == error_number)
            return codes[i].code;
    return SWTPM_PLUGIN_IO;
}

int plugin_fail(struct swtpm_plugin_error *error, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return code;
}

int plugin_fail_errno(struct swtpm_plugin_error *error, int error_number, const char *format, ...)
{
    char text[128];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    /* strerror is not safe while other handles are in use on other threads. */
    snprintf(error->message + used, sizeof error->message - used, ": %s%s",
             strerror_r(error_number, text, sizeof text), advice_for(error_number));
    return code_of(error_number);
}
