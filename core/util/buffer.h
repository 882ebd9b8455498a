/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_BUFFER_H
#define UTIL_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that grow.  Most of them hold TPM state, so memory is wiped whenever it is given back, on
 * growth too.  A zeroed structure is an empty buffer.
 */
struct buffer {
    uint8_t *data;   /* owned by the buffer; NULL while capacity is 0 */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Makes room for `capacity` bytes in all.  0, or -1 if there is no memory (nothing changed). */
int buffer_reserve(struct buffer *buffer, size_t capacity);

/* Appends; `data` must not lie in the buffer.  0, or -1 if there is no memory (nothing changed). */
int buffer_append(struct buffer *buffer, const void *data, size_t size);

/* Empties the buffer and wipes what it held; keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Wipes and frees; the buffer is empty then and may be used again. */
void buffer_free(struct buffer *buffer);

/* Gives the contents of `from` to `to`, freeing what `to` held; `from` is empty then. */
void buffer_move(struct buffer *to, struct buffer *from);

#endif
