/* SPDX-License-Identifier: BSD-3-Clause */
#include "response.h"

#include <errno.h>

#include "util/big_endian.h"

enum { HEADER_SIZE = 10, CODE_OFFSET = 6, RESULT_SIZE = 4 };

int response_check(const uint8_t *response, ssize_t size)
{
    if (size < 0)
        return (int)size;
    if (size < RESULT_SIZE)
        return -EPROTO;
    return (int)big_endian_get32(response + (size >= HEADER_SIZE ? CODE_OFFSET : 0));
}
