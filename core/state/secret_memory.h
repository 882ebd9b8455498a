/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_SECRET_MEMORY_H
#define STATE_SECRET_MEMORY_H

#include <stddef.h>

/*
 * Memory for keys: whole pages that are locked into RAM (mlock(2)), stay out of core dumps
 * (madvise(2), MADV_DONTDUMP), and are wiped when given back.  Where the lock is not to be had
 * (RLIMIT_MEMLOCK) the log says so, once; the memory is good for use all the same.
 */

/* Zeroed memory, or NULL with errno. */
void *secret_memory_new(size_t size);

/* Wipes and gives back; `size` as given to secret_memory_new.  NULL is allowed. */
void secret_memory_free(void *memory, size_t size);

#endif
