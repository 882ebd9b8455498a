/* SPDX-License-Identifier: BSD-3-Clause */
#include "environment.h"

#include <errno.h>
#include <sys/stat.h>

#include "../common/failure.h"
#include "../common/read_only.h"
#include "library.h"
#include "result.h"
#include "snapshot.h"

/* Values put into a file that has no name any more would be gone with its last user; and whoever
 * opens the environment by new files knows nothing of this writer. */
static int check_in_place(const struct environment *environment)
{
    const struct directory *directory = &environment->directory;
    int status = directory_check_entry(directory, DIRECTORY_DATA_FILE, environment->data_fd);

    if (status != 0)
        return status;
    return directory_check_entry(directory, DIRECTORY_LIBRARY_LOCK_FILE,
                                 environment->library_lock_fd);
}

/* LMDB never makes its file shorter; to read a page of the map that others have cut off is a
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
        status = snapshot_begin(environment, &transaction);
        if (status != 0)
            return status;
        status = run_body(environment, transaction, work);
        mdb_txn_abort(transaction);
    }
    return status;
}

static int read_once(struct environment *environment, struct work *work)
{
    int status = library_check_lock_file(environment);

    if (status == 0)
        status = check_not_cut_off(environment);
    if (status == 0)
        status = read_snapshot(environment, work);
    /* Without the table of readers, a writer who came meanwhile knew nothing of this reader. */
    if (environment->lockless && directory_is_in_use(environment->directory.path))
        return MDB_PANIC;
    return status;
}

static int write_once(struct environment *environment, struct work *work)
{
    MDB_txn *transaction;

    int status = check_in_place(environment);
    if (status == 0)
        status = library_check_lock_file(environment);
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
        *status = library_resize(environment, false);
        break;
    case MDB_MAP_FULL:
        *status = library_resize(environment, true);
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
        return plugin_fail(error, SWTPM_PLUGIN_NO_SPACE,
                           "cannot %s: the LMDB environment '%s' has reached its limit of %zu "
                           "bytes; raise mapsize=",
                           what, directory, map_limit_of(environment));
    if (status == SWTPM_PLUGIN_FENCED)
        return plugin_fail(error, status,
                           "cannot %s: a file of the LMDB environment '%s' was removed or "
                           "replaced, or its lock.mdb cut off, while it was in use",
                           what, directory);
    if (status == SWTPM_PLUGIN_BUSY)
        return plugin_fail(error, status,
                           "cannot %s: the LMDB environment '%s' changes too fast; try again",
                           what, directory);
    if (work->damage.what != NULL)
        return verify_report(&work->damage, status, directory, error);
    if (status == MDB_CORRUPTED)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                           "'%s' is damaged: a record in it is not as it was stored; restore it "
                           "from a backup",
                           directory);
    if (status == SWTPM_PLUGIN_CORRUPT)
        return plugin_fail(error, status,
                           "cannot %s: the LMDB environment '%s' was cut off while it was in use; "
                           "restore it from a backup",
                           what, directory);
    if (status == SWTPM_PLUGIN_NO_MEMORY)
        return plugin_fail(error, status, "cannot %s: no memory to check '%s'", what, directory);
    if (status == SWTPM_PLUGIN_TOO_SMALL)
        return plugin_fail(error, status, "cannot %s: the buffer is smaller than the value", what);
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
        /* library_reopen has set the message. */
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
