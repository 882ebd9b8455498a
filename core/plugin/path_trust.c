/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/path_trust.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

bool path_trust_is_needed(void)
{
    return geteuid() == 0 || getauxval(AT_SECURE) != 0;
}

static int check_component(const char *component, struct error *error)
{
    struct stat status;

    if (lstat(component, &status) != 0) {
        error_set(error, "cannot examine '%s': %s", component, strerror(errno));
        return -1;
    }
    if (S_ISLNK(status.st_mode)) {
        error_set(error, "'%s' became a symbolic link while it was being checked; try again",
                  component);
        return -1;
    }
    if (status.st_uid != 0) {
        error_set(error, "'%s' belongs to user %u, but what is loaded with root's rights must "
                         "belong to root, all directories above it too; use chown, or move the "
                         "plugin", component, (unsigned)status.st_uid);
        return -1;
    }
    /* With a POSIX ACL the group bits are its mask, so a named user's right shows here as well. */
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        error_set(error, "'%s' has mode %04o and is writable by others than root, who could "
                         "exchange what is loaded with root's rights; use chmod go-w, or move the "
                         "plugin", component, (unsigned)(status.st_mode & 07777));
        return -1;
    }
    return 0;
}

int path_trust_check(const char *real_path, struct error *error)
{
    char component[PATH_MAX];
    size_t length = strlen(real_path);

    if (real_path[0] != '/' || length >= sizeof component) {
        error_set(error, "'%s' is not the real path of a file", real_path);
        return -1;
    }
    if (check_component("/", error) != 0)
        return -1;
    for (size_t end = 2; end <= length; end++) {
        if (real_path[end] != '/' && real_path[end] != '\0')
            continue;
        memcpy(component, real_path, end);
        component[end] = '\0';
        if (check_component(component, error) != 0)
            return -1;
    }
    return 0;
}
