/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_FILE_LITTLE_ENDIAN_H
#define STORAGE_FILE_LITTLE_ENDIAN_H

#include <stdint.h>

/* Numbers in the file, at any alignment. */

static inline uint16_t get_little_endian_16(const unsigned char *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

static inline uint32_t get_little_endian_32(const unsigned char *from)
{
    return get_little_endian_16(from) | (uint32_t)get_little_endian_16(from + 2) << 16;
}

static inline void put_little_endian_16(unsigned char *to, uint32_t value)
{
    to[0] = (unsigned char)value;
    to[1] = (unsigned char)(value >> 8);
}

static inline void put_little_endian_32(unsigned char *to, uint32_t value)
{
    put_little_endian_16(to, value);
    put_little_endian_16(to + 2, value >> 16);
}

#endif
