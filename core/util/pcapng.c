/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/pcapng.h"

#include <string.h>

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    /* Type, length, and length again at the end; fixed fields; at most two options and their end.
     */
    BLOCK_OVERHEAD = 160,
    TEXT_MAX = 64
};

enum { OPTION_END = 0, OPTION_INTERFACE_NAME = 2, OPTION_APPLICATION = 4, OPTION_RESOLUTION = 9 };

/* The functions below append to room that was reserved before, so they cannot fail. */

static void put(struct buffer *buffer, const void *data, size_t size)
{
    buffer_append(buffer, data, size);
}

static void put16(struct buffer *buffer, uint16_t value)
{
    put(buffer, &value, sizeof value);
}

static void put32(struct buffer *buffer, uint32_t value)
{
    put(buffer, &value, sizeof value);
}

static void pad(struct buffer *buffer, size_t size)
{
    const uint8_t zeros[4] = {0};
    put(buffer, zeros, -size & 3);
}

static void put_option(struct buffer *buffer, uint16_t code, const void *value, size_t size)
{
    put16(buffer, code);
    put16(buffer, (uint16_t)size);
    put(buffer, value, size);
    pad(buffer, size);
}

static void put_text_option(struct buffer *buffer, uint16_t code, const char *text)
{
    put_option(buffer, code, text, strnlen(text, TEXT_MAX));
}

static size_t begin_block(struct buffer *buffer, uint32_t type)
{
    size_t start = buffer->size;
    put32(buffer, type);
    put32(buffer, 0);
    return start;
}

static void end_block(struct buffer *buffer, size_t start)
{
    uint32_t size = (uint32_t)(buffer->size + sizeof size - start);
    put32(buffer, size);
    memcpy(buffer->data + start + sizeof size, &size, sizeof size);
}

int pcapng_append_section(struct buffer *buffer, const char *application)
{
    const uint32_t byte_order_magic = UINT32_C(0x1a2b3c4d);
    const int64_t unknown_length = -1;

    if (buffer_reserve(buffer, buffer->size + BLOCK_OVERHEAD) != 0)
        return -1;
    size_t start = begin_block(buffer, PCAPNG_SECTION_TYPE);
    put32(buffer, byte_order_magic);
    put16(buffer, 1); /* version 1.0 */
    put16(buffer, 0);
    put(buffer, &unknown_length, sizeof unknown_length);
    put_text_option(buffer, OPTION_APPLICATION, application);
    put_option(buffer, OPTION_END, "", 0);
    end_block(buffer, start);
    return 0;
}

int pcapng_append_interface(struct buffer *buffer, uint16_t link_type, const char *name)
{
    const uint8_t nanoseconds = 9; /* as a negative power of ten */
    const uint32_t no_limit = 0;

    if (buffer_reserve(buffer, buffer->size + BLOCK_OVERHEAD) != 0)
        return -1;
    size_t start = begin_block(buffer, BLOCK_INTERFACE);
    put16(buffer, link_type);
    put16(buffer, 0);
    put32(buffer, no_limit);
    put_text_option(buffer, OPTION_INTERFACE_NAME, name);
    put_option(buffer, OPTION_RESOLUTION, &nanoseconds, sizeof nanoseconds);
    put_option(buffer, OPTION_END, "", 0);
    end_block(buffer, start);
    return 0;
}

int pcapng_append_packet(struct buffer *buffer, struct timespec when, const void *headers,
                         size_t headers_size, const void *data, size_t data_size)
{
    uint64_t time = (uint64_t)when.tv_sec * UINT64_C(1000000000) + (uint64_t)when.tv_nsec;
    size_t size = headers_size + data_size;

    if (buffer_reserve(buffer, buffer->size + size + BLOCK_OVERHEAD) != 0)
        return -1;
    size_t start = begin_block(buffer, BLOCK_PACKET);
    put32(buffer, 0); /* the section's only interface */
    put32(buffer, (uint32_t)(time >> 32));
    put32(buffer, (uint32_t)time);
    put32(buffer, (uint32_t)size); /* captured */
    put32(buffer, (uint32_t)size); /* on the wire */
    put(buffer, headers, headers_size);
    put(buffer, data, data_size);
    pad(buffer, size);
    end_block(buffer, start);
    return 0;
}
