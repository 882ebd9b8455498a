/* SPDX-License-Identifier: BSD-3-Clause */
#include "result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lmdb.h>

#include "../common/advice.h"

static const struct {
    int status;
    int result;
} meanings[] = {
    {MDB_NOTFOUND, SWTPM_PLUGIN_NOT_FOUND},
    {MDB_MAP_FULL, SWTPM_PLUGIN_NO_SPACE},
    {MDB_READERS_FULL, SWTPM_PLUGIN_BUSY},
    {MDB_CORRUPTED, SWTPM_PLUGIN_CORRUPT},
    {MDB_PAGE_NOTFOUND, SWTPM_PLUGIN_CORRUPT},
    {MDB_INVALID, SWTPM_PLUGIN_CORRUPT},
    {MDB_VERSION_MISMATCH, SWTPM_PLUGIN_UNSUPPORTED},
    {MDB_INCOMPATIBLE, SWTPM_PLUGIN_UNSUPPORTED},
    {ENOENT, SWTPM_PLUGIN_NOT_FOUND},
    {ENOSPC, SWTPM_PLUGIN_NO_SPACE},
    {EDQUOT, SWTPM_PLUGIN_NO_SPACE},
    {EFBIG, SWTPM_PLUGIN_NO_SPACE},
    {EMFILE, SWTPM_PLUGIN_NO_SPACE},
    {ENFILE, SWTPM_PLUGIN_NO_SPACE},
    {ENOLCK, SWTPM_PLUGIN_NO_SPACE},
    {ENOMEM, SWTPM_PLUGIN_NO_MEMORY},
    {EACCES, SWTPM_PLUGIN_DENIED},
    {EPERM, SWTPM_PLUGIN_DENIED},
    {EROFS, SWTPM_PLUGIN_DENIED},
    {ELOOP, SWTPM_PLUGIN_DENIED},
    {ENOTDIR, SWTPM_PLUGIN_DENIED},
    {ENAMETOOLONG, SWTPM_PLUGIN_INVALID},
};

int result_of_status(int status)
{
    if (status <= 0 && status >= SWTPM_PLUGIN_FENCED)
        return status;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].status == status)
            return meanings[i].result;
    return SWTPM_PLUGIN_IO;
}

int result_fail_status(struct swtpm_plugin_error *error, int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s%s", mdb_strerror(status),
             advice_for(status));
    return result_of_status(status);
}
