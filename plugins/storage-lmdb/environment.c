/* SPDX-License-Identifier: BSD-3-Clause */
#include "environment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/read_only.h"
#include "directory.h"
#include "record.h"
#include "result.h"
#include "verify.h"

/* A map costs address space only, so it starts with room for a few hundred TPMs. */
#define MAP_SIZE_START ((size_t)16 << 20)

struct environment {
    struct environment *next;
    unsigned users; /* guarded by registry_guard */
    pid_t owner;    /* a forked child must not use what its parent opened */
    struct directory directory;
    struct directory_identity data_identity;
    /* Transactions hold it shared; who moves the map or opens anew, or changes one of the two
     * below, holds it alone. */
    pthread_rwlock_t gate;
    size_t map_limit;
    bool read_only;
    MDB_env *library; /* NULL after a failure; the next transaction opens it again */
    MDB_dbi database;
    bool lockless; /* opened without lock.mdb: nobody else had it open */
    /* The files in use, to notice that somebody removed them or cut them off; O_PATH for lock.mdb,
     * since closing a real descriptor would drop LMDB's locks on it. */
    int data_fd;
    _Atomic off_t data_size; /* that was seen last */
    int library_lock_fd;
    off_t library_lock_size; /* that is mapped; 0: nothing yet */
};

static pthread_mutex_t registry_guard = PTHREAD_MUTEX_INITIALIZER;
static struct environment *registry;

const char *environment_directory(const struct environment *environment)
{
    return environment->directory.path;
}

/* A status: SWTPM_PLUGIN_FENCED if a part of lock.mdb that is mapped was cut off, which would be a
 * SIGBUS. */
static int check_lock_file_size(const struct environment *environment)
{
    struct stat status;

    if (environment->library_lock_fd < 0)
        return 0;
    if (fstat(environment->library_lock_fd, &status) != 0)
        return errno;
    return status.st_size >= environment->library_lock_size ? 0 : SWTPM_PLUGIN_FENCED;
}

static void library_close(struct environment *environment)
{
    /* LMDB leaves its entries in lock.mdb by writing there.  Where that is no more, the memory of a
     * library that nobody will use again is the smaller loss. */
    if (environment->library != NULL && check_lock_file_size(environment) == 0)
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

/* Every user of an environment holds a read lock on the first byte of lock.mdb. */
static bool somebody_uses(const char *directory)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int fd = directory_open_entry(directory, DIRECTORY_LIBRARY_LOCK_FILE, O_RDONLY);

    if (fd < 0)
        return errno != ENOENT;
    bool used = fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
    close(fd);
    return used;
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

/* Whether readers still get that number.  A commit writes its meta page and announces its number
 * when that is on disk, so the newest meta page may be one ahead, for milliseconds. */
static bool is_still_announced(MDB_env *library, size_t number)
{
    MDB_txn *later;

    if (mdb_txn_begin(library, NULL, MDB_RDONLY, &later) != 0)
        return false;
    bool same = mdb_txn_id(later) == number;
    mdb_txn_abort(later);
    return same;
}

/* A reader takes its transaction number and then its copy of the meta page, which two commits in
 * between would have written over.  Unless none has been announced since, begin again. */
static int begin_snapshot(MDB_env *library, MDB_txn **transaction)
{
    enum { TRIES = 100 };

    for (int i = 0; i < TRIES; i++) {
        MDB_envinfo info;
        int status = mdb_txn_begin(library, NULL, MDB_RDONLY, transaction);
        if (status == 0)
            status = mdb_env_info(library, &info);
        if (status != 0 || info.me_last_txnid == mdb_txn_id(*transaction) ||
            is_still_announced(library, mdb_txn_id(*transaction)))
            return status;
        mdb_txn_abort(*transaction);
    }
    return MDB_READERS_FULL; /* overtaken each time; the writer's mutex is left */
}

/* A read transaction.  Where the table of readers cannot be used, because it is full or because a
 * process of another pid namespace stands in it with this one's number, the writer's mutex gives a
 * snapshot just as well. */
static int begin_read(const struct environment *environment, MDB_txn **transaction)
{
    int status = begin_snapshot(environment->library, transaction);

    if ((status == MDB_READERS_FULL || status == EAGAIN || status == EACCES) &&
        !environment->read_only)
        status = mdb_txn_begin(environment->library, NULL, 0, transaction);
    return status;
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

/* What the transaction sees.  A writer's own number is that of the commit to come. */
static struct verify_snapshot snapshot_of(const struct environment *environment,
                                          MDB_txn *transaction)
{
    MDB_envinfo info;
    size_t number = mdb_txn_id(transaction);

    mdb_env_info(environment->library, &info);
    if (number > info.me_last_txnid)
        number = info.me_last_txnid;
    return (struct verify_snapshot){.fd = environment->data_fd, .transaction = number};
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
    int status = begin_read(environment, &transaction);

    /* Others may have made it grow since its size was looked at. */
    if (status == MDB_MAP_RESIZED && (status = remap(environment, false)) == 0)
        return SWTPM_PLUGIN_BUSY;
    if (status != 0)
        return result_fail_status(error, status, "cannot read '%s'", directory);
    status = check_format(environment, transaction, &damage);
    mdb_txn_abort(transaction);
    if (status == MDB_INCOMPATIBLE)
        return result_fail(error, SWTPM_PLUGIN_UNSUPPORTED,
                           "the LMDB environment in '%s' is not one that this plugin made",
                           directory);
    if (status == 0 || status == SWTPM_PLUGIN_BUSY)
        return status;
    return verify_report(&damage, status, directory, error);
}

enum { SNAPSHOT_TRIES = 100 };

static int check_library(struct environment *environment, struct swtpm_plugin_error *error)
{
    int result = SWTPM_PLUGIN_BUSY;

    for (int i = 0; i < SNAPSHOT_TRIES && result == SWTPM_PLUGIN_BUSY; i++) {
        result_fail(error, result, "'%s' changes too fast to be checked; try again",
                    environment->directory.path);
        result = try_to_check_format(environment, error);
    }
    return result;
}

/* Where it cannot write to the table of readers, LMDB does without, and writers would use the pages
 * of a snapshot again while it is being read. */
static int check_readers_are_seen(const char *directory, struct swtpm_plugin_error *error)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", directory, DIRECTORY_LIBRARY_LOCK_FILE) >=
            (int)sizeof path ||
        faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno != EROFS)
        return 0;
    return result_fail(error, SWTPM_PLUGIN_DENIED,
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
        return result_fail(error, SWTPM_PLUGIN_CORRUPT,
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
        return result_fail(error, SWTPM_PLUGIN_DENIED, "'%s/%s' is no regular file", directory,
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

    environment->lockless = environment->read_only && !somebody_uses(environment->directory.path);
    if (result == 0 && !environment->lockless)
        result = open_lock_file(environment, error);
    if (result != 0)
        return result;
    int status = mdb_env_create(&environment->library);
    if (status == 0)
        status = open_checked(environment, used);
    if (status == SWTPM_PLUGIN_FENCED)
        return result_fail(error, status, "'%s/%s' was replaced", environment->directory.path,
                           DIRECTORY_DATA_FILE);
    if (status != 0)
        return result_fail_status(error, status, "cannot open the LMDB environment '%s'",
                                  environment->directory.path);
    if (!environment->lockless)
        mdb_reader_check(environment->library, NULL);
    return check_library(environment, error);
}

static int library_open(struct environment *environment, struct swtpm_plugin_error *error)
{
    int result = library_open_steps(environment, error);

    if (result == 0)
        return 0;
    library_close(environment);
    /* Whoever came in the middle of a lockless check made it meaningless. */
    if (environment->lockless && somebody_uses(environment->directory.path)) {
        result = library_open_steps(environment, error);
        if (result != 0)
            library_close(environment);
    }
    return result;
}

/* Opens anew what a failure, or the need to write, has made useless.  The gate is held alone. */
static int reopen(struct environment *environment, struct swtpm_plugin_error *error)
{
    library_close(environment);
    return library_open(environment, error);
}

static int library_reopen(struct environment *environment, struct swtpm_plugin_error *error)
{
    pthread_rwlock_wrlock(&environment->gate);
    int result = reopen(environment, error);
    pthread_rwlock_unlock(&environment->gate);
    return result;
}

/* If that is not to be had, those who read go on reading. */
static int make_writable(struct environment *environment, struct swtpm_plugin_error *error)
{
    environment->read_only = false;
    int result = reopen(environment, error);
    if (result != 0)
        environment->read_only = true;
    return result;
}

/* What one more handle asks for.  The map follows its limit when it has to grow. */
static int extend(struct environment *environment, size_t map_limit,
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

/* As remap, by who does not hold the gate. */
static int resize(struct environment *environment, bool grow)
{
    pthread_rwlock_wrlock(&environment->gate);
    int status = environment->library == NULL ? 0 : remap(environment, grow);
    pthread_rwlock_unlock(&environment->gate);
    return status;
}

/* Values put into a file that has no name any more would be gone with its last user. */
static int check_not_removed(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    return status.st_nlink > 0 ? 0 : SWTPM_PLUGIN_FENCED;
}

/* LMDB never makes its file shorter; who reads a page of the map that others have cut off gets a
 * SIGBUS. */
static int check_not_cut_off(struct environment *environment)
{
    off_t seen = environment->data_size;
    struct stat status;

    if (fstat(environment->data_fd, &status) != 0)
        return errno;
    if (status.st_size < seen)
        return SWTPM_PLUGIN_CORRUPT;
    if (status.st_size > seen)
        environment->data_size = status.st_size;
    return 0;
}

struct work {
    environment_body body;
    void *context;
    bool durable;
    struct verify_damage damage; /* that made the last attempt fail */
};

static int run_body(const struct environment *environment, MDB_txn *transaction, struct work *work)
{
    struct verify_snapshot snapshot = snapshot_of(environment, transaction);
    const struct records records = {
        .transaction = transaction, .database = environment->database, .snapshot = &snapshot};
    int status = work->body(&records, work->context);

    work->damage = snapshot.damage;
    return status;
}

/* Whoever writes may be two commits ahead before the snapshot's root was looked at. */
static int read_snapshot(const struct environment *environment, struct work *work)
{
    int status = SWTPM_PLUGIN_BUSY;

    for (int i = 0; i < SNAPSHOT_TRIES && status == SWTPM_PLUGIN_BUSY; i++) {
        MDB_txn *transaction;
        status = begin_read(environment, &transaction);
        if (status != 0)
            return status;
        status = run_body(environment, transaction, work);
        mdb_txn_abort(transaction);
    }
    return status;
}

static int read_once(struct environment *environment, struct work *work)
{
    int status = check_lock_file_size(environment);

    if (status == 0)
        status = check_not_cut_off(environment);
    if (status == 0)
        status = read_snapshot(environment, work);
    /* Without the table of readers a writer who came meanwhile knew nothing of this one. */
    if (environment->lockless && somebody_uses(environment->directory.path))
        return MDB_PANIC;
    return status;
}

static int write_once(struct environment *environment, struct work *work)
{
    MDB_txn *transaction;

    int status = check_not_removed(environment->data_fd);
    if (status == 0)
        status = check_not_removed(environment->library_lock_fd);
    if (status == 0)
        status = check_lock_file_size(environment);
    if (status == 0)
        status = check_not_cut_off(environment);
    if (status != 0)
        return status;
    /* What a killed reader leaves behind would keep old pages from being used again. */
    mdb_reader_check(environment->library, NULL);
    status = mdb_txn_begin(environment->library, NULL, 0, &transaction);
    if (status != 0)
        return status;
    /* A flag of the environment, not of the transaction; the writer's mutex guards it. */
    mdb_env_set_flags(environment->library, MDB_NOMETASYNC, !work->durable);
    status = run_body(environment, transaction, work);
    if (status != 0) {
        mdb_txn_abort(transaction);
        return status;
    }
    status = mdb_txn_commit(transaction);
    if (status == 0 && work->durable)
        status = read_only_error(environment->data_fd);
    return status;
}

typedef int (*attempt)(struct environment *environment, struct work *work);

static int run_once(struct environment *environment, attempt try_it, struct work *work)
{
    pthread_rwlock_rdlock(&environment->gate);
    int status = environment->library == NULL ? MDB_PANIC : try_it(environment, work);
    pthread_rwlock_unlock(&environment->gate);
    return status;
}

/* Whether what made an attempt fail was put right, so that it may be repeated. */
static bool put_right(struct environment *environment, int *status,
                      struct swtpm_plugin_error *error)
{
    switch (*status) {
    case MDB_MAP_RESIZED:
        *status = resize(environment, false);
        break;
    case MDB_MAP_FULL:
        *status = resize(environment, true);
        break;
    case MDB_PANIC:
        *status = library_reopen(environment, error);
        break;
    default:
        return false;
    }
    return *status == 0;
}

static size_t map_limit_of(struct environment *environment)
{
    pthread_rwlock_rdlock(&environment->gate);
    size_t limit = environment->map_limit;
    pthread_rwlock_unlock(&environment->gate);
    return limit;
}

static int report(struct environment *environment, const struct work *work, int status,
                  const char *what, struct swtpm_plugin_error *error)
{
    const char *directory = environment->directory.path;

    if (status == MDB_MAP_FULL)
        return result_fail(error, SWTPM_PLUGIN_NO_SPACE,
                           "cannot %s: the LMDB environment '%s' has reached its limit of %zu "
                           "bytes; raise mapsize=",
                           what, directory, map_limit_of(environment));
    if (status == SWTPM_PLUGIN_FENCED)
        return result_fail(error, status,
                           "cannot %s: a file of the LMDB environment '%s' was removed, or its "
                           "lock.mdb cut off, while it was in use",
                           what, directory);
    if (status == SWTPM_PLUGIN_BUSY)
        return result_fail(error, status,
                           "cannot %s: the LMDB environment '%s' changes too fast; try again",
                           what, directory);
    if (work->damage.what != NULL)
        return verify_report(&work->damage, status, directory, error);
    if (status == SWTPM_PLUGIN_CORRUPT)
        return result_fail(error, status,
                           "cannot %s: the LMDB environment '%s' was cut off while it was in use; "
                           "restore it from a backup",
                           what, directory);
    if (status == SWTPM_PLUGIN_NO_MEMORY)
        return result_fail(error, status, "cannot %s: no memory to check '%s'", what, directory);
    if (status == SWTPM_PLUGIN_TOO_SMALL)
        return result_fail(error, status, "cannot %s: the buffer is smaller than the value", what);
    return result_fail_status(error, status, "cannot %s in the LMDB environment '%s'", what,
                              directory);
}

static int run(struct environment *environment, attempt try_it, struct work *work,
               const char *what, struct swtpm_plugin_error *error)
{
    enum { TRIES = 50 }; /* each doubles the map, so there are never so many */
    int status = MDB_PANIC;

    for (int i = 0; i < TRIES; i++) {
        int before = status = run_once(environment, try_it, work);
        if (put_right(environment, &status, error))
            continue;
        /* The message is that of the opening. */
        if (before == MDB_PANIC)
            return result_of_status(status);
        break;
    }
    return status == 0 ? 0 : report(environment, work, status, what, error);
}

int environment_read(struct environment *environment, environment_body body, void *context,
                     const char *what, struct swtpm_plugin_error *error)
{
    struct work work = {.body = body, .context = context};
    return run(environment, read_once, &work, what, error);
}

int environment_write(struct environment *environment, bool durable, environment_body body,
                      void *context, const char *what, struct swtpm_plugin_error *error)
{
    struct work work = {.body = body, .context = context, .durable = durable};
    return run(environment, write_once, &work, what, error);
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
        return result_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for an environment");
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
            result = extend(found, map_limit, error);
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
