/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_H
#define STORAGE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * The storage plugin "file": all values in one regular file or block device, in the format of the
 * original's backend-uri=file:// (doc/state-format.md §8).
 *
 * A value is written where nothing that is in use stands, and becomes the value when the table at
 * the start of the file is written, in one write of less than a sector.  Nothing is kept in memory
 * between two ops: each reads the table anew.
 *
 * The functions named storage_file_* that take a handle are the ops of swtpm_plugin.h.
 */

struct swtpm_storage {
    char *path;       /* as the user gave it, for messages; owned */
    const char *name; /* the last component of the path, in it */
    int directory_fd; /* where `name` is looked up; owned */
    int fd;           /* the file; owned */
    dev_t device;     /* which file that is */
    ino_t inode;
    bool is_device; /* a block device: of a fixed size */
    bool read_only;
    bool locked;
    bool synced; /* the table as it is survives power loss */
};

/* open.c */
int storage_file_open(struct swtpm_storage **storage,
                      const struct swtpm_storage_parameters *parameters,
                      struct swtpm_plugin_error *error);
void storage_file_close(struct swtpm_storage *storage);

/* lock.c */
int storage_file_lock(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* Cannot fail, so `error` may be NULL. */
int storage_file_unlock(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* FENCED if the path no longer names the file that is open: what is written here nobody would find.
 * Costs one newfstatat. */
int storage_file_check_place(const struct swtpm_storage *storage, struct swtpm_plugin_error *error);

/* get.c */
int storage_file_get(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
                     size_t *size, struct swtpm_plugin_error *error);

/* put.c */
int storage_file_put(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
                     uint32_t flags, struct swtpm_plugin_error *error);
int storage_file_del(struct swtpm_storage *storage, const char *name, uint32_t flags,
                     struct swtpm_plugin_error *error);

/* list.c */
int storage_file_list(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                      struct swtpm_plugin_error *error);

#endif
