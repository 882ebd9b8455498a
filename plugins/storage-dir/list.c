/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../common/failure.h"
#include "../common/value_name.h"

/* A stream of its own: one made from storage->fd would close it, and share its position. */
static DIR *open_stream(const struct swtpm_storage *storage)
{
    int fd =
        (int)TEMP_FAILURE_RETRY(openat(storage->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && stream == NULL) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
    }
    return stream;
}

static int visit_file(const struct swtpm_storage *storage, const char *name,
                      swtpm_storage_visitor visit, void *context, struct swtpm_plugin_error *error)
{
    struct stat status;

    if (fstatat(storage->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return SWTPM_PLUGIN_OK;
        return plugin_fail_errno(error, errno, "cannot examine '%s/%s'", storage->path, name);
    }
    if (!S_ISREG(status.st_mode))
        return SWTPM_PLUGIN_OK;
    return visit(context, name, (uint64_t)status.st_size);
}

int storage_dir_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                     struct swtpm_plugin_error *error)
{
    DIR *stream = open_stream(storage);
    if (stream == NULL)
        return plugin_fail_errno(error, errno, "cannot read the directory '%s'", storage->path);
    int code = SWTPM_PLUGIN_OK;
    while (code == SWTPM_PLUGIN_OK) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            if (errno != 0)
                code = plugin_fail_errno(error, errno, "cannot read the directory '%s'",
                                         storage->path);
            break;
        }
        if (value_name_is_valid(entry->d_name))
            code = visit_file(storage, entry->d_name, visit, context, error);
    }
    closedir(stream);
    return code;
}
