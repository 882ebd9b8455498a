/* SPDX-License-Identifier: BSD-3-Clause */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "../common/denial.h"
#include "../common/failure.h"
#include "create.h"
#include "result.h"

/* Types that <linux/magic.h> does not have; from the kernel's fs/<name>/. */
#define CIFS_TYPE 0xff534d42
#define GFS2_TYPE 0x01161970
#define LUSTRE_TYPE 0x0bd00bd0
#define VBOXSF_TYPE 0x786f4256
#define BEEGFS_TYPE 0x19830326

bool directory_is_remote(uint64_t file_system_type)
{
    static const uint64_t remote[] = {
        NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,   SMB2_SUPER_MAGIC, CIFS_TYPE,
        AFS_SUPER_MAGIC, AFS_FS_MAGIC,      CODA_SUPER_MAGIC, CEPH_SUPER_MAGIC,
        V9FS_MAGIC,      OCFS2_SUPER_MAGIC, NCP_SUPER_MAGIC,  FUSE_SUPER_MAGIC,
        GFS2_TYPE,       LUSTRE_TYPE,       VBOXSF_TYPE,      BEEGFS_TYPE,
    };

    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
        if ((uint32_t)file_system_type == (uint32_t)remote[i])
            return true;
    return false;
}

struct directory_identity directory_identity_of(const struct stat *status)
{
    return (struct directory_identity){.device = status->st_dev, .inode = status->st_ino};
}

bool directory_is_same_file(const struct stat *status, const struct directory_identity *identity)
{
    return status->st_dev == identity->device && status->st_ino == identity->inode;
}

void directory_free(struct directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    free(directory->path);
    *directory = (struct directory){.fd = -1};
}

int directory_explain_denial(struct swtpm_plugin_error *error, int result, const char *directory)
{
    static const char *const files[] = {DIRECTORY_DATA_FILE, DIRECTORY_LIBRARY_LOCK_FILE,
                                        DIRECTORY_TPM_LOCK_FILE};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (snprintf(path, sizeof path, "%s/%s", directory, files[i]) < (int)sizeof path &&
            faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0 && errno == EACCES)
            return plugin_explain_denial(error, result, path);
    }
    return plugin_explain_denial(error, result, directory);
}

int directory_open_entry(const char *directory, const char *name, int flags)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return (int)TEMP_FAILURE_RETRY(
        open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
}

static int sync_parent(const char *path, struct swtpm_plugin_error *error)
{
    char copy[PATH_MAX];

    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID, "the path '%.160s…' is too long", path);
    const char *parent = dirname(copy);
    int fd = (int)TEMP_FAILURE_RETRY(open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int status = fd < 0 || TEMP_FAILURE_RETRY(fsync(fd)) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (status != 0)
        return result_fail_status(error, status, "cannot write the directory '%s' to disk", parent);
    return 0;
}

static int make(const struct location *location, struct swtpm_plugin_error *error)
{
    /* Whoever may read the files may also find them. */
    mode_t mode = location->mode | 0700 | (location->mode & 0044) >> 2;

    if (mkdir(location->path, 0700) != 0) {
        if (errno == EEXIST)
            return 0;
        return result_fail_status(error, errno, "cannot make the directory '%s'", location->path);
    }
    if (chmod(location->path, mode) != 0)
        return result_fail_status(error, errno, "cannot set the mode of '%s'", location->path);
    return sync_parent(location->path, error);
}

static int check(int fd, const char *path, struct swtpm_plugin_error *error)
{
    struct statfs file_system;

    if (fstatfs(fd, &file_system) != 0)
        return result_fail_status(error, errno, "cannot tell the file system of '%s'", path);
    if (directory_is_remote((uint64_t)file_system.f_type))
        return plugin_fail(error, SWTPM_PLUGIN_UNSUPPORTED,
                           "'%s' lies on a network or FUSE file system (type %#lx), where LMDB's "
                           "shared memory does not work; use a local one, or dir://",
                           path, (unsigned long)(uint32_t)file_system.f_type);
    return 0;
}

static int prepare_files(int fd, const struct location *location, uint32_t flags,
                         const char *directory, struct swtpm_plugin_error *error)
{
    int result = check(fd, directory, error);

    if (result != 0 || (flags & SWTPM_STORAGE_READ_ONLY) != 0)
        return result;
    return create_files(fd, directory, location->mode, (flags & SWTPM_STORAGE_CREATE) != 0, error);
}

static int learn(int fd, const struct location *location, struct directory *directory,
                 struct swtpm_plugin_error *error)
{
    struct stat status;

    directory->fd = fd;
    directory->path = realpath(location->path, NULL);
    if (directory->path == NULL)
        return result_fail_status(error, errno, "cannot resolve '%s'", location->path);
    if (fstat(fd, &status) != 0)
        return result_fail_status(error, errno, "cannot examine '%s'", location->path);
    directory->identity = directory_identity_of(&status);
    return 0;
}

int directory_prepare(const struct location *location, uint32_t flags, struct directory *directory,
                      struct swtpm_plugin_error *error)
{
    struct directory found = {.fd = -1};

    if ((flags & SWTPM_STORAGE_CREATE) != 0 && (flags & SWTPM_STORAGE_READ_ONLY) == 0) {
        int result = make(location, error);
        if (result != 0)
            return result;
    }
    int fd = (int)TEMP_FAILURE_RETRY(open(location->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return result_fail_status(error, errno, "cannot open the LMDB environment '%s'",
                                  location->path);
    int result = learn(fd, location, &found, error);
    if (result == 0)
        result = prepare_files(fd, location, flags, found.path, error);
    if (result == 0)
        *directory = found;
    else
        directory_free(&found);
    return result;
}

int directory_check_entry(const struct directory *directory, const char *name, int fd)
{
    struct stat named;
    struct stat opened;

    if (fstatat(directory->fd, name, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SWTPM_PLUGIN_FENCED : errno;
    if (fstat(fd, &opened) != 0)
        return errno;
    const struct directory_identity identity = directory_identity_of(&opened);
    return directory_is_same_file(&named, &identity) ? 0 : SWTPM_PLUGIN_FENCED;
}

bool directory_is_in_use(const char *directory)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int fd = directory_open_entry(directory, DIRECTORY_LIBRARY_LOCK_FILE, O_RDONLY);

    if (fd < 0)
        return errno != ENOENT;
    bool used = fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
    close(fd);
    return used;
}
