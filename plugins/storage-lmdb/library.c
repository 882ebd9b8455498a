/* SPDX-License-Identifier: BSD-3-Clause */
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/failure.h"
#include "record.h"
#include "result.h"
#include "snapshot.h"
#include "verify.h"

/* A map costs address space only, so it starts with room for a few hundred TPMs. */
#define MAP_SIZE_START ((size_t)16 << 20)

int library_check_lock_file(const struct environment *environment)
{
    struct stat status;

    if (environment->library_lock_fd < 0)
        return 0;
    if (fstat(environment->library_lock_fd, &status) != 0)
        return errno;
    return status.st_size >= environment->library_lock_size ? 0 : SWTPM_PLUGIN_FENCED;
}

void library_close(struct environment *environment)
{
    /* LMDB writes to lock.mdb when it closes.  Where that was cut off, it is not closed: the memory
     * of a library that nobody will use again is the smaller loss. */
    if (environment->library != NULL && library_check_lock_file(environment) == 0)
        mdb_env_close(environment->library);
    if (environment->data_fd >= 0)
        close(environment->data_fd);
    if (environment->library_lock_fd >= 0)
        close(environment->library_lock_fd);
    environment->library = NULL;
    environment->data_fd = -1;
    environment->library_lock_fd = -1;
    environment->library_lock_size = 0;
}

static size_t map_size_for(size_t used, size_t limit)
{
    size_t size = MAP_SIZE_START < limit ? MAP_SIZE_START : limit;

    while (size < used && size <= SIZE_MAX / 4)
        size *= 2;
    return size > limit && used <= limit ? limit : size;
}

/* 0, SWTPM_PLUGIN_FENCED if `fd` is open on another file, or errno. */
static int check_identity(int fd, const struct directory_identity *identity)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    return directory_is_same_file(&status, identity) ? 0 : SWTPM_PLUGIN_FENCED;
}

/* As much of lock.mdb as LMDB has mapped now. */
static int learn_lock_file_size(struct environment *environment)
{
    struct stat status;

    if (environment->library_lock_fd < 0)
        return 0;
    if (fstat(environment->library_lock_fd, &status) != 0)
        return errno;
    environment->library_lock_size = status.st_size;
    return 0;
}

static unsigned open_flags(const struct environment *environment)
{
    unsigned flags = MDB_NORDAHEAD | MDB_NOTLS;

    if (environment->read_only)
        flags |= MDB_RDONLY;
    if (environment->lockless)
        flags |= MDB_NOLOCK;
    return flags;
}

static int open_checked(struct environment *environment, size_t used)
{
    MDB_env *library = environment->library;
    int fd;
    int status = mdb_env_set_maxreaders(library, DIRECTORY_READERS);

    if (status == 0)
        status = mdb_env_set_mapsize(library, map_size_for(used, environment->map_limit));
    if (status == 0)
        status = mdb_env_open(library, environment->directory.path, open_flags(environment), 0600);
    if (status == 0)
        status = mdb_env_get_fd(library, &fd);
    if (status != 0)
        return status;
    /* LMDB opens by name, without O_CLOEXEC and following links. */
    status = check_identity(fd, &environment->data_identity);
    if (status == 0)
        status = learn_lock_file_size(environment);
    if (status != 0)
        return status;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : errno;
}

/* Maps all that is in use, which others may have enlarged; with `grow`, more than so far.  Nobody
 * else may be using the library. */
static int remap(struct environment *environment, bool grow)
{
    MDB_envinfo info;
    MDB_stat stat;
    int status = 0;

    mdb_env_info(environment->library, &info);
    mdb_env_stat(environment->library, &stat);
    size_t wanted = (info.me_last_pgno + 1) * stat.ms_psize;
    if (grow && info.me_mapsize >= environment->map_limit)
        status = MDB_MAP_FULL;
    if (grow && info.me_mapsize >= wanted)
        wanted = info.me_mapsize + 1;
    if (status == 0)
        status =
            mdb_env_set_mapsize(environment->library, map_size_for(wanted, environment->map_limit));
    /* The old map is gone then, and LMDB would use it all the same. */
    if (status != 0 && status != MDB_MAP_FULL)
        library_close(environment);
    return status;
}

static int check_format(struct environment *environment, MDB_txn *transaction,
                        struct verify_damage *damage)
{
    struct verify_snapshot snapshot = snapshot_of(environment, transaction);
    int status = mdb_dbi_open(transaction, NULL, 0, &environment->database);

    if (status == 0)
        status = record_format_check(&(struct records){.transaction = transaction,
                                                       .database = environment->database,
                                                       .snapshot = &snapshot});
    *damage = snapshot.damage;
    return status;
}

/* BUSY: to be tried again. */
static int try_to_check_format(struct environment *environment, struct swtpm_plugin_error *error)
{
    const char *directory = environment->directory.path;
    struct verify_damage damage;
    MDB_txn *transaction;
    int status = snapshot_begin(environment, &transaction);

    /* Others may have made it grow since its size was looked at. */
    if (status == MDB_MAP_RESIZED && (status = remap(environment, false)) == 0)
        return SWTPM_PLUGIN_BUSY;
    if (status != 0)
        return result_fail_status(error, status, "cannot read '%s'", directory);
    status = check_format(environment, transaction, &damage);
    mdb_txn_abort(transaction);
    if (status == MDB_INCOMPATIBLE)
        return plugin_fail(error, SWTPM_PLUGIN_UNSUPPORTED,
                           "the LMDB environment in '%s' is not one that this plugin made",
                           directory);
    if (status == 0 || status == SWTPM_PLUGIN_BUSY)
        return status;
    return verify_report(&damage, status, directory, error);
}

static int check_library(struct environment *environment, struct swtpm_plugin_error *error)
{
    int result = SWTPM_PLUGIN_BUSY;

    for (int i = 0; i < SNAPSHOT_TRIES && result == SWTPM_PLUGIN_BUSY; i++) {
        plugin_fail(error, result, "'%s' changes too fast to be checked; try again",
                    environment->directory.path);
        result = try_to_check_format(environment, error);
    }
    return result;
}

/* LMDB does without the table of readers where it cannot write to it, and writers would then reuse
 * the pages of a snapshot that is being read. */
static int check_readers_are_seen(const char *directory, struct swtpm_plugin_error *error)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", directory, DIRECTORY_LIBRARY_LOCK_FILE) >=
            (int)sizeof path ||
        faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno != EROFS)
        return 0;
    return plugin_fail(error, SWTPM_PLUGIN_DENIED,
                       "'%s' is in use, where it can be written, and its file system is read-only "
                       "here: stop its users, or read it there",
                       directory);
}

/* A table of readers that others have cut off would be a SIGBUS as well. */
static int open_lock_file(struct environment *environment, struct swtpm_plugin_error *error)
{
    enum { SIZE_MIN = 8192 };
    const char *directory = environment->directory.path;
    struct stat status;

    environment->library_lock_fd =
        directory_open_entry(directory, DIRECTORY_LIBRARY_LOCK_FILE, O_PATH);
    if (environment->library_lock_fd < 0 || fstat(environment->library_lock_fd, &status) != 0)
        return result_fail_status(error, errno, "cannot open '%s/%s'", directory,
                                  DIRECTORY_LIBRARY_LOCK_FILE);
    if (!S_ISREG(status.st_mode) || status.st_size < SIZE_MIN)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                           "'%s/%s' is no lock file of LMDB; stop every user of the environment "
                           "and remove it",
                           directory, DIRECTORY_LIBRARY_LOCK_FILE);
    return environment->read_only ? check_readers_are_seen(directory, error) : 0;
}

static int open_data_file(struct environment *environment, size_t *used,
                          struct swtpm_plugin_error *error)
{
    const char *directory = environment->directory.path;
    struct verify_damage damage = {0};
    struct stat status;

    environment->data_fd = directory_open_entry(directory, DIRECTORY_DATA_FILE, O_RDONLY);
    if (environment->data_fd < 0 || fstat(environment->data_fd, &status) != 0)
        return result_fail_status(error, errno, "cannot open '%s/%s'", directory,
                                  DIRECTORY_DATA_FILE);
    if (!S_ISREG(status.st_mode))
        return plugin_fail(error, SWTPM_PLUGIN_DENIED, "'%s/%s' is no regular file", directory,
                           DIRECTORY_DATA_FILE);
    environment->data_size = status.st_size;
    if (environment->data_identity.inode == 0)
        environment->data_identity = directory_identity_of(&status);
    int result = verify_head(environment->data_fd, used, &damage);
    return result == 0 ? 0 : verify_report(&damage, result, directory, error);
}

static int library_open_steps(struct environment *environment, struct swtpm_plugin_error *error)
{
    size_t used;
    int result = open_data_file(environment, &used, error);

    environment->lockless =
        environment->read_only && !directory_is_in_use(environment->directory.path);
    if (result == 0 && !environment->lockless)
        result = open_lock_file(environment, error);
    if (result != 0)
        return result;
    int status = mdb_env_create(&environment->library);
    if (status == 0)
        status = open_checked(environment, used);
    if (status == SWTPM_PLUGIN_FENCED)
        return plugin_fail(error, status, "'%s/%s' was replaced", environment->directory.path,
                           DIRECTORY_DATA_FILE);
    if (status != 0)
        return result_fail_status(error, status, "cannot open the LMDB environment '%s'",
                                  environment->directory.path);
    if (!environment->lockless)
        mdb_reader_check(environment->library, NULL);
    return check_library(environment, error);
}

int library_open(struct environment *environment, struct swtpm_plugin_error *error)
{
    int result = library_open_steps(environment, error);

    if (result == 0)
        return 0;
    library_close(environment);
    /* A writer who came in the middle of a check without locks made it meaningless. */
    if (environment->lockless && directory_is_in_use(environment->directory.path)) {
        result = library_open_steps(environment, error);
        if (result != 0)
            library_close(environment);
    }
    return result;
}

/* Opens anew what a failure, or the need to write, has made useless.  The caller holds the gate
 * exclusively. */
static int reopen(struct environment *environment, struct swtpm_plugin_error *error)
{
    library_close(environment);
    return library_open(environment, error);
}

int library_reopen(struct environment *environment, struct swtpm_plugin_error *error)
{
    pthread_rwlock_wrlock(&environment->gate);
    int result = reopen(environment, error);
    pthread_rwlock_unlock(&environment->gate);
    return result;
}

/* If that is refused, those who read go on reading. */
static int make_writable(struct environment *environment, struct swtpm_plugin_error *error)
{
    environment->read_only = false;
    int result = reopen(environment, error);
    if (result != 0)
        environment->read_only = true;
    return result;
}

int library_extend(struct environment *environment, size_t map_limit,
                  struct swtpm_plugin_error *error)
{
    int result = 0;

    pthread_rwlock_wrlock(&environment->gate);
    if (environment->read_only) {
        result = make_writable(environment, error);
        if (result == 0)
            environment->map_limit = map_limit;
    } else if (environment->map_limit < map_limit) {
        environment->map_limit = map_limit;
    }
    pthread_rwlock_unlock(&environment->gate);
    return result;
}

int library_resize(struct environment *environment, bool grow)
{
    pthread_rwlock_wrlock(&environment->gate);
    int status = environment->library == NULL ? 0 : remap(environment, grow);
    pthread_rwlock_unlock(&environment->gate);
    return status;
}
