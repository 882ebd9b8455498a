/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void walk(const char *path, tree_visitor visit, void *context)
{
    struct stat status;
    struct dirent **entries;

    if (lstat(path, &status) != 0)
        return;
    visit(context, path, &status);
    if (!S_ISDIR(status.st_mode))
        return;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char *child = NULL;
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0 &&
            asprintf(&child, "%s/%s", path, entries[i]->d_name) > 0)
            walk(child, visit, context);
        free(child);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void tree_walk(const struct store *store, tree_visitor visit, void *context)
{
    for (unsigned i = 0; i < store->path_count; i++)
        walk(store->paths[i].path, visit, context);
}

/* FNV-1a, 64 bits. */
static void mix(uint64_t *hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void mix_content(uint64_t *hash, const char *path)
{
    char chunk[65536];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    while (fd >= 0 && (got = read(fd, chunk, sizeof chunk)) > 0)
        mix(hash, chunk, (size_t)got);
    if (fd >= 0)
        close(fd);
}

static void mix_file(void *context, const char *path, const struct stat *status)
{
    uint64_t *hash = context;

    mix(hash, path, strlen(path));
    mix(hash, &status->st_mode, sizeof status->st_mode);
    mix(hash, &status->st_uid, sizeof status->st_uid);
    mix(hash, &status->st_gid, sizeof status->st_gid);
    mix(hash, &status->st_size, sizeof status->st_size);
    mix(hash, &status->st_mtim, sizeof status->st_mtim);
    mix(hash, &status->st_ctim, sizeof status->st_ctim);
    if (S_ISREG(status->st_mode))
        mix_content(hash, path);
}

uint64_t tree_fingerprint(const struct store *store)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    tree_walk(store, mix_file, &hash);
    return hash;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void tree_remove(const char *path)
{
    enum { DESCRIPTORS = 16 };
    nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
