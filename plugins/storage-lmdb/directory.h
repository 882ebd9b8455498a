/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_DIRECTORY_H
#define STORAGE_LMDB_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "location.h"

/*
 * The directory of an environment and what lies in it:
 *
 *   data.mdb    LMDB's file: all values of all TPMs
 *   lock.mdb    LMDB's table of readers and its two mutexes, mapped by every user
 *   swtpm.lock  one slot of 8 bytes for each TPM (tpm_lock.h); slot 0 orders the making of files
 *
 * Files are made complete and durable under the name NAME.new and only then get their own, so a
 * crash leaves nothing that is half made.
 */

#define DIRECTORY_DATA_FILE "data.mdb"
#define DIRECTORY_LIBRARY_LOCK_FILE "lock.mdb"
#define DIRECTORY_TPM_LOCK_FILE "swtpm.lock"

/* Readers that can be in a call at the same time; each takes 64 bytes of lock.mdb. */
#define DIRECTORY_READERS 4096

/* Which file it is, whatever its name (stat(2)). */
struct directory_identity {
    dev_t device;
    ino_t inode;
};

/* The identity in a result of stat(2), and whether another result is of the same file. */
struct directory_identity directory_identity_of(const struct stat *status);
bool directory_is_same_file(const struct stat *status, const struct directory_identity *identity);

struct directory {
    char *path; /* absolute; owned */
    int fd;     /* owned; stays with the directory when that is renamed */
    struct directory_identity identity;
};

/*
 * Makes the environment at location->path ready for being opened, as `flags` (enum
 * swtpm_storage_open_flag) allow, and fills in *directory, which the caller frees.  Refuses file
 * systems on which maps of several processes do not agree.  0 or a result.
 */
int directory_prepare(const struct location *location, uint32_t flags, struct directory *directory,
                      struct swtpm_plugin_error *error);

/* Frees what directory_prepare filled in. */
void directory_free(struct directory *directory);

/* plugin_explain_denial for `directory`, or for the one of its files that stops this user. */
int directory_explain_denial(struct swtpm_plugin_error *error, int result, const char *directory);

/* Whether a file system of this statfs(2) f_type is served by another machine or by FUSE, so that
 * shared maps and locks cannot be relied on. */
bool directory_is_remote(uint64_t file_system_type);

/* Opens an entry of `directory`: close-on-exec, no link followed, never waiting for a FIFO.  A
 * descriptor, or -1 with errno. */
int directory_open_entry(const char *directory, const char *name, int flags);

/* A status: SWTPM_PLUGIN_FENCED if the entry `name` is another file than the one that `fd` is open
 * on, or gone: then others may hold its locks on a new one. */
int directory_check_entry(const struct directory *directory, const char *name, int fd);

/* Whether a process has the environment in it open: every user holds a read lock on the first byte
 * of lock.mdb.  true, too, if that cannot be looked at. */
bool directory_is_in_use(const char *directory);

#endif
