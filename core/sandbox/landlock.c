/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/log.h"

/* Newer than Debian 12's headers: ABI 3, Linux 6.2. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Which rights the kernel has known since which ABI. */
static const uint64_t abi_1 =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM;
static const uint64_t abi_2 = LANDLOCK_ACCESS_FS_REFER;
static const uint64_t abi_3 = LANDLOCK_ACCESS_FS_TRUNCATE;

/* Rights that the kernel takes for a file; the others make sense for directories only. */
static const uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

static const struct {
    enum landlock_access access;
    uint64_t rights;
} meanings[] = {
    {LANDLOCK_READ, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR},
    {LANDLOCK_WRITE, LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                         LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                         LANDLOCK_ACCESS_FS_REFER},
    {LANDLOCK_APPEND, LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG},
    {LANDLOCK_REMOVE, LANDLOCK_ACCESS_FS_REMOVE_FILE},
};

static uint64_t rights_of(uint32_t access)
{
    uint64_t rights = 0;

    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if ((access & meanings[i].access) != 0)
            rights |= meanings[i].rights;
    return rights;
}

int landlock_open(struct landlock *landlock, struct error *error)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = abi_1};

    *landlock = (struct landlock){.ruleset = -1};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        log_info("sandbox: this kernel has no Landlock (%s); paths are not restricted",
                 strerror(errno));
        return 0;
    }
    if (abi >= 2)
        attributes.handled_access_fs |= abi_2;
    if (abi >= 3)
        attributes.handled_access_fs |= abi_3;
    long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        error_set(error, "sandbox: cannot make a set of Landlock rules: %s", strerror(errno));
        return -1;
    }
    landlock->ruleset = (int)ruleset;
    landlock->handled = attributes.handled_access_fs;
    return 0;
}

int landlock_allow_fd(struct landlock *landlock, int fd, const char *name, uint32_t access,
                      struct error *error)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat status;

    if (landlock->ruleset < 0)
        return 0;
    rule.allowed_access = rights_of(access) & landlock->handled;
    if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed_access &= file_rights;
    if (syscall(SYS_landlock_add_rule, landlock->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ==
        0)
        return 0;
    error_set(error, "sandbox: cannot leave '%s' within reach: %s", name, strerror(errno));
    return -1;
}

int landlock_allow(struct landlock *landlock, const char *path, uint32_t access,
                   struct error *error)
{
    if (landlock->ruleset < 0)
        return 0;
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_PATH | O_CLOEXEC));
    if (fd < 0) {
        error_set(error, "sandbox: cannot leave '%s' within reach: %s", path, strerror(errno));
        return -1;
    }
    int result = landlock_allow_fd(landlock, fd, path, access, error);
    close(fd);
    return result;
}

void landlock_discard(struct landlock *landlock)
{
    if (landlock->ruleset >= 0)
        close(landlock->ruleset);
    landlock->ruleset = -1;
}

int landlock_close(struct landlock *landlock, struct error *error)
{
    int result = 0;

    if (landlock->ruleset >= 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
         syscall(SYS_landlock_restrict_self, landlock->ruleset, 0) != 0)) {
        error_set(error, "sandbox: cannot put the Landlock rules in force: %s", strerror(errno));
        result = -1;
    }
    landlock_discard(landlock);
    return result;
}
