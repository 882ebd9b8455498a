/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_TPM_LOCK_H
#define STORAGE_LMDB_TPM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "directory.h"
#include "swtpm_plugin.h"

/*
 * The lock of one TPM: a write lock (fcntl(2), F_OFD_SETLK) on the 8 bytes of swtpm.lock at
 * 8 × the TPM's number, in which the holder leaves its process id as text.  It belongs to the open
 * file: it excludes other handles of the same process too, and dies with the process.
 */

struct tpm_lock {
    const struct directory *directory; /* borrowed */
    int fd;                            /* swtpm.lock, opened for this lock alone */
    uint64_t number;
    bool held;
};

/* Opens the lock file of `directory`, which has to outlive the lock.  0 or a result. */
int tpm_lock_open(struct tpm_lock *lock, const struct directory *directory, uint64_t number,
                  struct swtpm_plugin_error *error);

/* Gives the lock back and closes the file. */
void tpm_lock_close(struct tpm_lock *lock);

/* swtpm_storage_ops.lock and unlock; `tpm` is for the message. */
int tpm_lock_take(struct tpm_lock *lock, const char *tpm, struct swtpm_plugin_error *error);
int tpm_lock_give_back(struct tpm_lock *lock, struct swtpm_plugin_error *error);

/* SWTPM_PLUGIN_FENCED if the lock is held on a file that was removed, renamed or replaced, so that
 * it excludes nobody any more.  0 or a result. */
int tpm_lock_check(const struct tpm_lock *lock, const char *tpm, struct swtpm_plugin_error *error);

#endif
