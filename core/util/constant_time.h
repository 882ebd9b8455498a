/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_CONSTANT_TIME_H
#define UTIL_CONSTANT_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether `size` bytes are equal, in a time that tells nothing about where they differ. */
static inline bool constant_time_equal(const void *left, const void *right, size_t size)
{
    const volatile uint8_t *a = left;
    const volatile uint8_t *b = right;
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++)
        difference |= (uint8_t)(a[i] ^ b[i]);
    return difference == 0;
}

#endif
