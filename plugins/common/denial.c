/* SPDX-License-Identifier: BSD-3-Clause */
#include "denial.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int plugin_explain_denial(struct swtpm_plugin_error *error, int code, const char *path)
{
    char copy[PATH_MAX];
    char *seen = copy;
    struct stat status;

    if (code != SWTPM_PLUGIN_DENIED || strlen(path) >= sizeof copy)
        return code;
    strcpy(copy, path);
    while (stat(seen, &status) != 0 && strcmp(seen, "/") != 0 && strcmp(seen, ".") != 0)
        seen = dirname(seen);
    if (faccessat(AT_FDCWD, seen, R_OK | W_OK, AT_EACCESS) == 0 || errno == EROFS)
        return code;
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             "; '%s' belongs to uid %u with mode %#o and this is uid %u: run as its owner, or "
             "change owner or mode",
             seen, (unsigned)status.st_uid, (unsigned)status.st_mode & 07777, (unsigned)geteuid());
    return code;
}
