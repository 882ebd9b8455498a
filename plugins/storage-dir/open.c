/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/announce.h"
#include "../common/denial.h"
#include "../common/failure.h"

enum { OPEN_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* The location without slashes at its end, which would make open(2) follow a link.  Owned by the
 * caller; NULL if there is no memory. */
static char *copy_location(const char *location)
{
    char *path = strdup(location);
    if (path == NULL)
        return NULL;
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0';
    return path;
}

/* ----------------------------------------------------------------- making the directory ------ */

/* The last component of `path`; sets `parent` to what stands before it. */
static const char *split_path(const char *path, char parent[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        memcpy(parent, ".", 2);
        return path;
    }
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, path, length);
    parent[length] = '\0';
    return slash + 1;
}

/* Whoever may read the files may search the directory. */
static mode_t directory_mode(mode_t file_mode)
{
    return S_IRWXU | file_mode | (file_mode & (S_IRGRP | S_IROTH)) >> 2;
}

static int open_new_directory(struct swtpm_storage *storage, int parent, const char *name,
                              struct swtpm_plugin_error *error)
{
    int fd = (int)TEMP_FAILURE_RETRY(openat(parent, name, OPEN_FLAGS));
    /* The parent is synced too: a directory that power loss can take away keeps no value. */
    if (fd >= 0 && fchmod(fd, directory_mode(storage->mode)) == 0 &&
        TEMP_FAILURE_RETRY(fsync(parent)) == 0) {
        storage->fd = fd;
        return SWTPM_PLUGIN_OK;
    }
    int code = plugin_fail_errno(error, errno, "cannot prepare the new directory '%s'",
                                 storage->path);
    if (fd >= 0)
        close(fd);
    unlinkat(parent, name, AT_REMOVEDIR);
    return code;
}

static int make_directory(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    char parent_path[PATH_MAX];
    const char *name = split_path(storage->path, parent_path);
    int parent =
        (int)TEMP_FAILURE_RETRY(open(parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent < 0)
        return plugin_fail_errno(error, errno, "cannot make the directory '%s': cannot open "
                                 "its parent '%s'", storage->path, parent_path);
    int code;
    if (mkdirat(parent, name, S_IRWXU) == 0)
        code = open_new_directory(storage, parent, name, error);
    else
        code = plugin_fail_errno(error, errno, "cannot make the directory '%s'",
                                 storage->path);
    close(parent);
    return code;
}

/* ------------------------------------------------------------------------------ opening ------ */

static int explain_failure(const struct swtpm_storage *storage, int error_number,
                           struct swtpm_plugin_error *error)
{
    struct stat status;

    if (error_number == ENOTDIR && lstat(storage->path, &status) == 0 && S_ISLNK(status.st_mode))
        return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                           "'%s' is a symbolic link, which is not followed here; name the "
                           "directory itself", storage->path);
    int code = plugin_fail_errno(error, error_number, "cannot open the directory '%s'",
                                 storage->path);
    return plugin_explain_denial(error, code, storage->path);
}

static int open_directory(struct swtpm_storage *storage, bool create,
                          struct swtpm_plugin_error *error)
{
    storage->fd = (int)TEMP_FAILURE_RETRY(open(storage->path, OPEN_FLAGS));
    if (storage->fd >= 0)
        return SWTPM_PLUGIN_OK;
    if (errno == ENOENT && create)
        return make_directory(storage, error);
    return explain_failure(storage, errno, error);
}

static int learn_owner(struct swtpm_storage *storage, struct swtpm_plugin_error *error)
{
    struct stat status;

    if (fstat(storage->fd, &status) != 0)
        return plugin_fail_errno(error, errno, "cannot examine '%s'", storage->path);
    storage->owner = status.st_uid;
    storage->group = status.st_gid;
    storage->user = geteuid();
    storage->adopts = storage->user == 0 && status.st_uid != 0;
    return SWTPM_PLUGIN_OK;
}

/* A handle with nothing open.  NULL if there is no memory. */
static struct swtpm_storage *make_handle(const struct swtpm_storage_parameters *parameters)
{
    struct swtpm_storage *storage = malloc(sizeof *storage);
    if (storage == NULL)
        return NULL;
    *storage = (struct swtpm_storage){
        .path = copy_location(parameters->location),
        .fd = -1,
        .mode = parameters->mode,
        .read_only = (parameters->flags & SWTPM_STORAGE_READ_ONLY) != 0,
        .lock_fd = -1,
    };
    if (storage->path != NULL)
        return storage;
    free(storage);
    return NULL;
}

int storage_dir_open(struct swtpm_storage **storage,
                     const struct swtpm_storage_parameters *parameters,
                     struct swtpm_plugin_error *error)
{
    size_t length = strlen(parameters->location);
    if (length == 0 || length >= PATH_MAX)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "the directory's path has %zu bytes, wanted 1 to %d", length,
                           PATH_MAX - 1);
    struct swtpm_storage *opened = make_handle(parameters);
    if (opened == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to open '%s'",
                           parameters->location);
    bool create = (parameters->flags & SWTPM_STORAGE_CREATE) != 0 && !opened->read_only;
    int code = open_directory(opened, create, error);
    if (code == SWTPM_PLUGIN_OK)
        code = learn_owner(opened, error);
    if (code == SWTPM_PLUGIN_OK)
        code = plugin_announce(parameters, opened->path, error);
    if (code != SWTPM_PLUGIN_OK) {
        storage_dir_close(opened);
        return code;
    }
    *storage = opened;
    return SWTPM_PLUGIN_OK;
}

void storage_dir_close(struct swtpm_storage *storage)
{
    storage_dir_unlock(storage, NULL);
    if (storage->fd >= 0)
        close(storage->fd);
    free(storage->path);
    free(storage);
}
