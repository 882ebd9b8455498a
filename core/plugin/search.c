/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/search.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/descriptor.h"
#include "plugin/load.h"

#define DIRECTORY_VARIABLE "SWTPM_PLUGIN_DIR"
#define FILE_SUFFIX ".so"

enum {
    DIRECTORIES_MAX = 3,
    NAME_SIZE = 32 /* longest name and its NUL */
};

struct directories {
    const char *paths[DIRECTORIES_MAX];
    size_t count;
};

/* A plugin file that a directory holds. */
struct entry {
    enum swtpm_plugin_kind kind;
    char name[NAME_SIZE];
    size_t directory; /* index; the lower one wins */
};

struct entries {
    struct entry *all; /* owned */
    size_t count;
    size_t capacity;
};

int plugin_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length < NAME_SIZE && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* ------------------------------------------------------------------------- directories ------ */

static int add_directory(struct directories *directories, const char *origin, const char *path,
                         struct error *error)
{
    if (path == NULL || path[0] == '\0')
        return 0;
    if (path[0] != '/') {
        error_set(error, "%s: the plugin directory '%s' is not an absolute path", origin, path);
        return -1;
    }
    directories->paths[directories->count++] = path;
    return 0;
}

static int get_directories(const struct plugin_search *search, struct directories *directories,
                           struct error *error)
{
    *directories = (struct directories){0};
    if (add_directory(directories, "option --plugin-dir", search->directory, error) != 0)
        return -1;
    if (add_directory(directories, "environment variable " DIRECTORY_VARIABLE,
                      secure_getenv(DIRECTORY_VARIABLE), error) != 0)
        return -1;
    return add_directory(directories, "compiled in", SWTPM_PLUGIN_DIRECTORY, error);
}

static int make_path(char path[PATH_MAX], const char *directory, enum swtpm_plugin_kind kind,
                     const char *name, struct error *error)
{
    int length = snprintf(path, PATH_MAX, "%s/%s-%s" FILE_SUFFIX, directory, plugin_kind_name(kind),
                          name);
    if (length > 0 && length < PATH_MAX)
        return 0;
    error_set(error, "the plugin directory '%.100s…' has too long a path", directory);
    return -1;
}

/* --------------------------------------------------------------------------- one plugin ------ */

static void report_not_found(const struct directories *directories, enum swtpm_plugin_kind kind,
                             const char *name, struct error *error)
{
    char places[ERROR_TEXT_SIZE / 2] = "";
    size_t used = 0;

    for (size_t i = 0; i < directories->count && used < sizeof places; i++)
        used += (size_t)snprintf(places + used, sizeof places - used, "%s'%s'", i > 0 ? ", " : "",
                                 directories->paths[i]);
    error_set(error, "there is no %s plugin '%s': no file %s-%s" FILE_SUFFIX " in %s; install it, "
                     "or name its directory with --plugin-dir", plugin_kind_name(kind), name,
              plugin_kind_name(kind), name, places);
}

/* Whether there is a directory entry, which ends the search; a dangling link is one. */
static int probe(const char *path, bool *exists, struct error *error)
{
    struct stat status;

    *exists = lstat(path, &status) == 0;
    if (*exists || errno == ENOENT || errno == ENOTDIR)
        return 0;
    error_set(error, "cannot look for the plugin '%s': %s", path, strerror(errno));
    return -1;
}

const struct swtpm_plugin *plugin_load(const struct plugin_search *search,
                                       enum swtpm_plugin_kind kind, const char *name,
                                       struct error *error)
{
    struct directories directories;
    char path[PATH_MAX];
    bool exists;

    if (!plugin_name_is_valid(name)) {
        error_set(error, "'%.64s' cannot be the name of a %s plugin: wanted 1 to 31 characters "
                         "a-z, 0-9 and -, the first not -", name, plugin_kind_name(kind));
        return NULL;
    }
    if (get_directories(search, &directories, error) != 0)
        return NULL;
    for (size_t i = 0; i < directories.count; i++) {
        const char *directory = directories.paths[i];
        if (make_path(path, directory, kind, name, error) != 0 || probe(path, &exists, error) != 0)
            return NULL;
        if (exists)
            return plugin_load_file(directory, path, kind, name, error);
    }
    report_not_found(&directories, kind, name, error);
    return NULL;
}

/* -------------------------------------------------------------------------- all plugins ------ */

static bool parse_file_name(const char *file_name, struct entry *entry)
{
    static const enum swtpm_plugin_kind kinds[] = {SWTPM_PLUGIN_STORAGE, SWTPM_PLUGIN_CRYPTO};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *kind_name = plugin_kind_name(kinds[i]);
        size_t prefix = strlen(kind_name) + 1;
        size_t length = strlen(file_name);
        size_t suffix = strlen(FILE_SUFFIX);
        if (length <= prefix + suffix || length - prefix - suffix >= NAME_SIZE ||
            strncmp(file_name, kind_name, prefix - 1) != 0 || file_name[prefix - 1] != '-' ||
            strcmp(file_name + length - suffix, FILE_SUFFIX) != 0)
            continue;
        entry->kind = kinds[i];
        memcpy(entry->name, file_name + prefix, length - prefix - suffix);
        entry->name[length - prefix - suffix] = '\0';
        return plugin_name_is_valid(entry->name);
    }
    return false;
}

static int add_entry(struct entries *entries, const struct entry *entry, struct error *error)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity * 2 + 8;
        struct entry *all = reallocarray(entries->all, capacity, sizeof *all);
        if (all == NULL) {
            error_set(error, "no memory for the list of plugins");
            return -1;
        }
        entries->all = all;
        entries->capacity = capacity;
    }
    entries->all[entries->count++] = *entry;
    return 0;
}

static int read_directory(const char *path, size_t index, struct entries *entries,
                          struct error *error)
{
    DIR *stream = opendir(path);
    if (stream == NULL && errno == ENOENT)
        return 0;
    if (stream == NULL) {
        error_set(error, "cannot read the plugin directory '%s': %s", path, strerror(errno));
        return -1;
    }

    int result = 0;
    const struct dirent *item;
    while (result == 0 && (errno = 0, item = readdir(stream)) != NULL) {
        struct entry entry = {.directory = index};
        if (parse_file_name(item->d_name, &entry))
            result = add_entry(entries, &entry, error);
    }
    if (result == 0 && errno != 0) {
        error_set(error, "cannot read the plugin directory '%s': %s", path, strerror(errno));
        result = -1;
    }
    closedir(stream);
    return result;
}

static int compare_names(const struct entry *left, const struct entry *right)
{
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}

static int compare_entries(const void *left_entry, const void *right_entry)
{
    const struct entry *left = left_entry;
    const struct entry *right = right_entry;
    int names = compare_names(left, right);
    if (names != 0)
        return names;
    return left->directory < right->directory ? -1 : left->directory > right->directory;
}

static int visit_entry(const struct directories *directories, const struct entry *entry,
                       plugin_visitor visit, void *context, struct error *error)
{
    const char *directory = directories->paths[entry->directory];
    char path[PATH_MAX];
    struct error reason;

    if (make_path(path, directory, entry->kind, entry->name, error) != 0)
        return -1;
    const struct swtpm_plugin *plugin =
        plugin_load_file(directory, path, entry->kind, entry->name, &reason);
    visit(context, entry->kind, entry->name, path, plugin, plugin == NULL ? reason.text : NULL);
    return 0;
}

int plugin_for_each(const struct plugin_search *search, plugin_visitor visit, void *context,
                    struct error *error)
{
    struct directories directories;
    struct entries entries = {0};
    int result = get_directories(search, &directories, error);

    for (size_t i = 0; result == 0 && i < directories.count; i++)
        result = read_directory(directories.paths[i], i, &entries, error);
    if (result == 0 && entries.count > 1)
        qsort(entries.all, entries.count, sizeof *entries.all, compare_entries);
    for (size_t i = 0; result == 0 && i < entries.count; i++)
        if (i == 0 || compare_names(&entries.all[i - 1], &entries.all[i]) != 0)
            result = visit_entry(&directories, &entries.all[i], visit, context, error);
    free(entries.all);
    return result;
}
