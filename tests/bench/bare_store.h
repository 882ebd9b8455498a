/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BARE_STORE_H
#define BENCH_BARE_STORE_H

/*
 * The least that each storage medium needs for one store that leaves the old content or the new
 * one, whatever happens: the floor that the storage plugins are compared with.  Each function does
 * one store; 0, or -1 with errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lmdb.h>

/* A directory: make a temporary file, write, fsync, close, rename over the old one, fsync the
 * directory; without `durable` the same without both fsyncs. */
int bare_store_dir(int directory_fd, const void *data, size_t size, bool durable);

/* A file: write where nothing is in use, fdatasync, write the sector that says where the data are,
 * fdatasync; the two places take turns as `number` says.  The file must be large enough. */
int bare_store_file(int fd, const void *data, size_t size, unsigned number, bool durable);

/* An LMDB environment: begin, put under one key, commit; without `durable` with MDB_NOMETASYNC,
 * which keeps the file whole but may lose the last commits. */
int bare_store_lmdb(MDB_env *environment, MDB_dbi records, const void *data, size_t size,
                    bool durable);

#endif
