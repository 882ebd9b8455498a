/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/announce.h"
#include "../common/denial.h"
#include "../common/failure.h"
#include "contents.h"

/* ------------------------------------------------------------------------- the directory ----- */

/* Opens what stands before the last component of the path. */
static int open_directory(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    char directory[PATH_MAX] = ".";
    const char *slash = strrchr(storage->path, '/');

    if (slash != NULL) {
        size_t length = slash == storage->path ? 1 : (size_t)(slash - storage->path);
        memcpy(directory, storage->path, length);
        directory[length] = '\0';
        storage->name = slash + 1;
    }
    storage->directory_fd =
        (int)TEMP_FAILURE_RETRY(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (storage->directory_fd >= 0)
        return SWTPM_PLUGIN_OK;
    return plugin_fail_errno(error, errno, "cannot open '%s': cannot open its directory '%s'",
                             storage->path, directory);
}

/* A file that power loss can take away keeps no value. */
static int sync_directory(const struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    int fd = (int)TEMP_FAILURE_RETRY(
        openat(storage->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd >= 0 && TEMP_FAILURE_RETRY(fsync(fd)) == 0) {
        close(fd);
        return SWTPM_PLUGIN_OK;
    }
    int code = plugin_fail_errno(error, errno, "cannot write the directory of '%s' to its medium",
                                 storage->path);
    if (fd >= 0)
        close(fd);
    return code;
}

/* ------------------------------------------------------------------------------ the file ----- */

enum { OPEN_FLAGS = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

/* What root makes in somebody else's directory is for him: a tool that root runs must leave a file
 * that a daemon with less rights can open.  Where even root may not give files away, it stays
 * root's. */
static void adopt(const struct swtpm_storage *storage)
{
    struct stat status;

    if (geteuid() != 0 || fstat(storage->directory_fd, &status) != 0 || status.st_uid == 0)
        return;
    int ignored = fchown(storage->fd, status.st_uid, status.st_gid);
    (void)ignored;
}

static int make_file(struct swtpm_storage *storage, mode_t mode, struct swtpm_plugin_error *error)
{
    int flags = O_RDWR | O_CREAT | O_EXCL | OPEN_FLAGS;

    storage->fd =
        (int)TEMP_FAILURE_RETRY(openat(storage->directory_fd, storage->name, flags, mode));
    if (storage->fd < 0)
        return plugin_fail_errno(error, errno, "cannot make '%s'", storage->path);
    adopt(storage);
    int code = fchmod(storage->fd, mode) == 0
                   ? sync_directory(storage, error)
                   : plugin_fail_errno(error, errno, "cannot set the mode of '%s'", storage->path);
    if (code != SWTPM_PLUGIN_OK)
        unlinkat(storage->directory_fd, storage->name, 0);
    return code;
}

static int check_type(const struct swtpm_storage *storage, mode_t mode,
                      struct swtpm_plugin_error *error)
{
    if (S_ISREG(mode) || S_ISBLK(mode))
        return SWTPM_PLUGIN_OK;
    return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                       S_ISLNK(mode) ? "'%s' is a symbolic link, which is not followed here; name "
                                       "the file itself"
                                     : "'%s' is neither a regular file nor a block device",
                       storage->path);
}

static int open_existing(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct stat status;

    /* Looked at first: to open some devices does something. */
    if (fstatat(storage->directory_fd, storage->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return plugin_fail_errno(error, errno, "cannot open '%s'", storage->path);
    int code = check_type(storage, status.st_mode, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    storage->fd = (int)TEMP_FAILURE_RETRY(openat(
        storage->directory_fd, storage->name,
        (storage->read_only ? O_RDONLY : O_RDWR) | OPEN_FLAGS));
    if (storage->fd < 0)
        return plugin_fail_errno(error, errno, "cannot open '%s'", storage->path);
    return SWTPM_PLUGIN_OK;
}

static int open_file(struct swtpm_storage *storage,
                     const struct swtpm_storage_parameters *parameters,
                     struct swtpm_plugin_error *error)
{
    bool create = (parameters->flags & SWTPM_STORAGE_CREATE) != 0 && !storage->read_only;
    int code = open_existing(storage, error);

    if (code == SWTPM_PLUGIN_NOT_FOUND && create)
        code = make_file(storage, parameters->mode, error);
    return code;
}

static int examine(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct stat status;
    struct contents contents;

    if (fstat(storage->fd, &status) != 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s'", storage->path);
    int code = check_type(storage, status.st_mode, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    storage->device = status.st_dev;
    storage->inode = status.st_ino;
    storage->is_device = S_ISBLK(status.st_mode);
    code = contents_load(storage, &contents, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    /* Whoever made the file may have been interrupted before its name was safe. */
    if (!contents.formatted && !storage->is_device && !storage->read_only)
        code = sync_directory(storage, error);
    contents_free(&contents);
    return code;
}

/* ------------------------------------------------------------------------------ the handle --- */

/* A handle with nothing open.  NULL if there is no memory. */
static struct swtpm_storage *make_handle(const struct swtpm_storage_parameters *parameters)
{
    struct swtpm_storage *storage = malloc(sizeof *storage);
    char *path = strdup(parameters->location);

    if (storage == NULL || path == NULL) {
        free(storage);
        free(path);
        return NULL;
    }
    *storage = (struct swtpm_storage){
        .path = path,
        .name = path,
        .directory_fd = -1,
        .fd = -1,
        .read_only = (parameters->flags & SWTPM_STORAGE_READ_ONLY) != 0,
    };
    return storage;
}

int storage_file_open(struct swtpm_storage **storage,
                      const struct swtpm_storage_parameters *parameters,
                      struct swtpm_plugin_error *error)
{
    size_t length = strlen(parameters->location);
    if (length == 0 || length >= PATH_MAX || parameters->location[length - 1] == '/')
        return plugin_fail(
            error, SWTPM_PLUGIN_INVALID,
            "'%.300s' cannot be the path of a file: wanted 1 to %d bytes, the last no "
            "slash",
            parameters->location, PATH_MAX - 1);
    struct swtpm_storage *opened = make_handle(parameters);
    if (opened == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to open '%s'",
                           parameters->location);
    int code = open_directory(opened, error);
    if (code == SWTPM_PLUGIN_OK)
        code = open_file(opened, parameters, error);
    if (code == SWTPM_PLUGIN_OK)
        code = examine(opened, error);
    if (code == SWTPM_PLUGIN_OK)
        code = plugin_announce(parameters, opened->path, error);
    if (code != SWTPM_PLUGIN_OK) {
        plugin_explain_denial(error, code, opened->path);
        storage_file_close(opened);
        return code;
    }
    *storage = opened;
    return SWTPM_PLUGIN_OK;
}

void storage_file_close(struct swtpm_storage *storage)
{
    storage_file_unlock(storage, NULL);
    if (storage->fd >= 0)
        close(storage->fd);
    if (storage->directory_fd >= 0)
        close(storage->directory_fd);
    free(storage->path);
    free(storage);
}
