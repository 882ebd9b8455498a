/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_DIR_H
#define STORAGE_DIR_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * The storage plugin "dir": each value is a file of its name in one directory
 * (doc/state-format.md).
 *
 * Everything happens beneath the directory's descriptor, with names that hold no slash, and never
 * through a link: a link in place of the directory, of a value, of the lock file or of a temporary
 * file is refused or replaced, not followed.  A value is written to a temporary file, which is then
 * renamed over it.
 *
 * The functions named storage_dir_* that take a handle are the ops of swtpm_plugin.h.
 */

struct swtpm_storage {
    char *path; /* of the directory, as the user gave it, for messages; owned */
    int fd;     /* the directory; owned */
    mode_t mode;
    bool read_only;
    bool adopts;      /* what root makes here is given to the directory's owner */
    uid_t user;       /* who opened it: the closed sandbox has no geteuid(2) */
    uid_t owner;      /* of the directory */
    gid_t group;      /* of the directory */
    int lock_fd;      /* holds the lock; -1 while it is not held; owned */
    dev_t lock_device; /* of the file that lock_fd has open */
    ino_t lock_inode;
};

/* open.c */
int storage_dir_open(struct swtpm_storage **storage,
                     const struct swtpm_storage_parameters *parameters,
                     struct swtpm_plugin_error *error);
void storage_dir_close(struct swtpm_storage *storage);

/* lock.c */
int storage_dir_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* Cannot fail, so `error` may be NULL. */
int storage_dir_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* FENCED if the lock is held but its file is no longer the one that others would lock; then
 * somebody may have taken the state over.  Costs one newfstatat. */
int storage_dir_check_lock(const struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* get.c */
int storage_dir_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                    size_t *size, struct swtpm_plugin_error *error);

/* put.c */
int storage_dir_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                    uint32_t flags, struct swtpm_plugin_error *error);
int storage_dir_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                    struct swtpm_plugin_error *error);

/* list.c */
int storage_dir_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                     struct swtpm_plugin_error *error);

/* file.c */

/* Makes `name`, which must not exist (EEXIST), with exactly `mode`, for writing and reading.  The
 * descriptor, or -1 with errno. */
int storage_dir_make_file(const struct swtpm_storage *storage, const char *name, mode_t mode);

#endif
