/* SPDX-License-Identifier: BSD-3-Clause */
#include "snapshot.h"

#include <errno.h>
#include <stdbool.h>

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
static int begin_among_readers(MDB_env *library, MDB_txn **transaction)
{
    for (int i = 0; i < SNAPSHOT_TRIES; i++) {
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

int snapshot_begin(const struct environment *environment, MDB_txn **transaction)
{
    int status = begin_among_readers(environment->library, transaction);

    if ((status == MDB_READERS_FULL || status == EAGAIN || status == EACCES) &&
        !environment->read_only)
        status = mdb_txn_begin(environment->library, NULL, 0, transaction);
    return status;
}

struct verify_snapshot snapshot_of(const struct environment *environment, MDB_txn *transaction)
{
    MDB_envinfo info;
    size_t number = mdb_txn_id(transaction);

    mdb_env_info(environment->library, &info);
    if (number > info.me_last_txnid)
        number = info.me_last_txnid;
    return (struct verify_snapshot){.fd = environment->data_fd, .transaction = number};
}
