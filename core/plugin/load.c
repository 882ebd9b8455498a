/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/descriptor.h"
#include "plugin/elf_check.h"
#include "plugin/path_trust.h"
#include "util/file.h"

#define DESCRIPTOR_SYMBOL "swtpm_plugin"

/* Owned by the caller; NULL with a message. */
static char *resolve(const char *path, struct error *error)
{
    char *real_path = realpath(path, NULL);
    if (real_path == NULL)
        error_set(error, "cannot resolve '%s': %s", path, strerror(errno));
    return real_path;
}

/* Whether `real_path` is `directory`, a slash and one more component. */
static bool lies_in(const char *real_path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(real_path, directory, length) == 0 && real_path[length] == '/' &&
           strchr(real_path + length + 1, '/') == NULL;
}

static int check_trust(const char *directory, const char *real_path, struct error *error)
{
    if (!path_trust_is_needed())
        return 0;
    if (path_trust_check(real_path, error) != 0)
        return -1;
    if (lies_in(real_path, directory))
        return 0;
    /* A link led here, and whoever can write to its directory chooses where it leads. */
    char *real_directory = resolve(directory, error);
    if (real_directory == NULL)
        return -1;
    int result = path_trust_check(real_directory, error);
    free(real_directory);
    return result;
}

static bool is_unchanged(const struct stat *checked, const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0 && now.st_dev == checked->st_dev &&
           now.st_ino == checked->st_ino && now.st_size == checked->st_size &&
           now.st_ctim.tv_sec == checked->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == checked->st_ctim.tv_nsec;
}

/* Not loaded as /proc/self/fd/N: the dynamic linker knows objects by that name, and would give the
 * first plugin again for the next one with the same N; $ORIGIN and debuggers would be led astray
 * too. */
static const struct swtpm_plugin *load_checked(const struct stat *checked, const char *real_path,
                                               struct error *error)
{
    void *object = dlopen(real_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        error_set(error, "the dynamic linker refuses it: %s; see ldd(1)", dlerror());
        return NULL;
    }
    if (!is_unchanged(checked, real_path)) {
        error_set(error, "it was changed while it was being loaded; try again");
        return NULL;
    }
    const struct swtpm_plugin *plugin = dlsym(object, DESCRIPTOR_SYMBOL);
    if (plugin == NULL)
        error_set(error, "the dynamic linker does not find '%s' in it: %s", DESCRIPTOR_SYMBOL,
                  dlerror());
    return plugin;
}

static const struct swtpm_plugin *load_real_path(const char *real_path, struct error *error)
{
    const struct swtpm_plugin *plugin = NULL;
    struct stat checked;

    int fd = file_open(real_path, O_RDONLY, 0, error);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &checked) != 0)
        error_set(error, "cannot examine it: %s", strerror(errno));
    else if (elf_check(fd, DESCRIPTOR_SYMBOL, sizeof(struct swtpm_plugin), error) == 0)
        plugin = load_checked(&checked, real_path, error);
    close(fd);
    return plugin;
}

const struct swtpm_plugin *plugin_load_file(const char *directory, const char *path,
                                            enum swtpm_plugin_kind kind, const char *name,
                                            struct error *error)
{
    const struct swtpm_plugin *plugin = NULL;
    char *real_path = resolve(path, error);

    if (real_path != NULL && check_trust(directory, real_path, error) == 0)
        plugin = load_real_path(real_path, error);
    if (plugin != NULL && plugin_descriptor_check(plugin, kind, name, error) != 0)
        plugin = NULL;
    free(real_path);
    if (plugin == NULL)
        error_prefix(error, "plugin '%s': ", path);
    return plugin;
}
