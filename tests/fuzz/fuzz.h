/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swtpm_plugin.h"

/*
 * What the fuzz targets share.  A target is a function of its input alone: the same bytes do the
 * same again, in a fresh process too, or its finds could not be replayed.
 */

/* What libFuzzer calls for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test: a find like any crash if it does not hold. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: this must hold: %s\n", __FILE__, __LINE__, #condition);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input that is left, read from its start.  What lies behind its end is zero. */
struct input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t input_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static inline uint16_t input_16(struct input *input)
{
    uint8_t low = input_byte(input);
    return (uint16_t)(low | input_byte(input) << 8);
}

static inline uint32_t input_32(struct input *input)
{
    uint16_t low = input_16(input);
    return low | (uint32_t)input_16(input) << 16;
}

/* The next `size` bytes, or fewer where the input ends; they lie in the input. */
static inline struct swtpm_bytes input_bytes(struct input *input, size_t size)
{
    const struct swtpm_bytes bytes = {input->data, size < input->size ? size : input->size};

    input->data += bytes.size;
    input->size -= bytes.size;
    return bytes;
}

#endif
