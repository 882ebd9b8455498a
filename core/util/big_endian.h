/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_BIG_ENDIAN_H
#define UTIL_BIG_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Big-endian integers at any alignment: what TPM commands, state files and sockets are made of. */

static inline uint16_t big_endian_get16(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return be16toh(value);
}

static inline uint32_t big_endian_get32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return be32toh(value);
}

static inline uint64_t big_endian_get64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return be64toh(value);
}

static inline void big_endian_put16(void *to, uint16_t value)
{
    value = htobe16(value);
    memcpy(to, &value, sizeof value);
}

static inline void big_endian_put32(void *to, uint32_t value)
{
    value = htobe32(value);
    memcpy(to, &value, sizeof value);
}

static inline void big_endian_put64(void *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
}

#endif
