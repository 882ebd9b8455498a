/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/buffer.h"

#include <stdlib.h>
#include <string.h>

int buffer_reserve(struct buffer *buffer, size_t capacity)
{
    if (capacity <= buffer->capacity)
        return 0;
    /* Not realloc: it would leave the old copy unwiped. */
    uint8_t *data = malloc(capacity);
    if (data == NULL)
        return -1;
    size_t size = buffer->size;
    if (size > 0)
        memcpy(data, buffer->data, size);
    buffer_free(buffer);
    *buffer = (struct buffer){.data = data, .size = size, .capacity = capacity};
    return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    if (size > SIZE_MAX / 2 - buffer->size)
        return -1;
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity && buffer_reserve(buffer, needed + needed / 2) != 0)
        return -1;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size = needed;
    return 0;
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->size > 0)
        explicit_bzero(buffer->data, buffer->size);
    buffer->size = 0;
}

void buffer_free(struct buffer *buffer)
{
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_move(struct buffer *to, struct buffer *from)
{
    buffer_free(to);
    *to = *from;
    *from = (struct buffer){0};
}
