/* SPDX-License-Identifier: BSD-3-Clause */
#include "lmdb_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OPS (swtpm_plugin.ops.storage)

char lmdb_directory[64];

static int make_directory(const char *parent)
{
    snprintf(lmdb_directory, sizeof lmdb_directory, "%s/test_lmdb.XXXXXX", parent);
    return mkdtemp(lmdb_directory) == NULL ? -1 : 0;
}

int lmdb_make_directory(void **state)
{
    (void)state;
    return make_directory("/tmp");
}

int lmdb_make_directory_in_memory(void **state)
{
    (void)state;
    return make_directory(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

int lmdb_remove_directory(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", lmdb_directory);
    return system(command);
}

void lmdb_path(char path[LMDB_PATH_SIZE], const char *name)
{
    snprintf(path, LMDB_PATH_SIZE, "%s/env%s%s", lmdb_directory, name[0] != '\0' ? "/" : "", name);
}

int lmdb_try_open_at(struct swtpm_storage **storage, const char *entry, const char *query,
                     uint32_t flags, struct swtpm_plugin_error *error)
{
    char location[160];
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0640, .flags = flags};

    snprintf(location, sizeof location, "%s/%s?tpm=%s", lmdb_directory, entry, query);
    error->message[0] = '\0';
    return OPS->open(storage, &parameters, error);
}

int lmdb_try_open(struct swtpm_storage **storage, const char *query, uint32_t flags,
                  struct swtpm_plugin_error *error)
{
    return lmdb_try_open_at(storage, "env", query, flags, error);
}

struct swtpm_storage *lmdb_open(const char *query)
{
    struct swtpm_storage *storage = NULL;
    struct swtpm_plugin_error error;

    if (lmdb_try_open(&storage, query, SWTPM_STORAGE_CREATE, &error) != 0)
        fail_msg("%s", error.message);
    return storage;
}

int lmdb_put(struct swtpm_storage *storage, const char *name, char fill, size_t size,
             uint32_t flags, struct swtpm_plugin_error *error)
{
    char *data = malloc(size + 1);

    memset(data, fill, size);
    int result = OPS->put(storage, name, (struct swtpm_bytes){data, size}, flags, error);
    free(data);
    return result;
}
