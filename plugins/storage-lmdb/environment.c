/* SPDX-License-Identifier: BSD-3-Clause */
#include "environment.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/failure.h"
#include "directory.h"
#include "library.h"

static pthread_mutex_t registry_guard = PTHREAD_MUTEX_INITIALIZER;
static struct environment *registry;

const char *environment_directory(const struct environment *environment)
{
    return environment->directory.path;
}

const struct directory *environment_place(const struct environment *environment)
{
    return &environment->directory;
}

static void destroy(struct environment *environment)
{
    library_close(environment);
    pthread_rwlock_destroy(&environment->gate);
    directory_free(&environment->directory);
    free(environment);
}

/* Takes what `directory` owns. */
static int create(struct directory *directory, size_t map_limit, bool read_only,
                  struct environment **created, struct swtpm_plugin_error *error)
{
    struct environment *environment = malloc(sizeof *environment);

    if (environment == NULL) {
        directory_free(directory);
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for an environment");
    }
    *environment = (struct environment){
        .owner = getpid(),
        .directory = *directory,
        .map_limit = map_limit,
        .read_only = read_only,
        .data_fd = -1,
        .library_lock_fd = -1,
    };
    pthread_rwlock_init(&environment->gate, NULL);
    int result = library_open(environment, error);
    if (result != 0)
        destroy(environment);
    else
        *created = environment;
    return result;
}

/* However it is called: a directory may have several names (bind mounts). */
static bool is_same_environment(const struct environment *environment,
                                const struct directory *directory)
{
    return environment->owner == getpid() &&
           environment->directory.identity.device == directory->identity.device &&
           environment->directory.identity.inode == directory->identity.inode;
}

/* Takes what `directory` owns; the registry is guarded. */
static int find_or_create(struct directory *directory, size_t map_limit, bool read_only,
                          struct environment **environment, struct swtpm_plugin_error *error)
{
    struct environment *found = registry;
    int result = 0;

    while (found != NULL && !is_same_environment(found, directory))
        found = found->next;
    if (found == NULL) {
        result = create(directory, map_limit, read_only, &found, error);
        if (result != 0)
            return result;
        found->next = registry;
        registry = found;
    } else {
        directory_free(directory);
        if (!read_only)
            result = library_extend(found, map_limit, error);
        if (result != 0)
            return result;
    }
    found->users++;
    *environment = found;
    return 0;
}

int environment_acquire(const struct location *location, uint32_t flags,
                        struct environment **environment, struct swtpm_plugin_error *error)
{
    struct directory directory;
    int result = directory_prepare(location, flags, &directory, error);

    if (result != 0)
        return result;
    pthread_mutex_lock(&registry_guard);
    result = find_or_create(&directory, location->map_size, (flags & SWTPM_STORAGE_READ_ONLY) != 0,
                            environment, error);
    pthread_mutex_unlock(&registry_guard);
    return result;
}

void environment_release(struct environment *environment)
{
    pthread_mutex_lock(&registry_guard);
    if (--environment->users == 0) {
        struct environment **link = &registry;
        while (*link != environment)
            link = &(*link)->next;
        *link = environment->next;
        destroy(environment);
    }
    pthread_mutex_unlock(&registry_guard);
}
