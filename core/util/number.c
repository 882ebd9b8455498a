/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

int number_parse(const char *text, int base, uint64_t maximum, uint64_t *value)
{
    char *end;

    /* strtoull(3) would skip blanks and take a sign. */
    if (!isxdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    unsigned long long number = strtoull(text, &end, base);
    if (errno != 0 || *end != '\0' || number > maximum)
        return -1;
    *value = number;
    return 0;
}
