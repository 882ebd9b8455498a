/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_NUMBER_H
#define UTIL_NUMBER_H

#include <stdint.h>

/* Numbers written by a person. */

/* Reads all of `text` as digits of `base` (8, 10 or 16; 0: as in C, by the prefix 0x or 0) and sets
 * *value.  0, or -1 if there is a sign, a blank or anything else that is not a digit, or if the
 * number is above `maximum`; *value is untouched then. */
int number_parse(const char *text, int base, uint64_t maximum, uint64_t *value);

#endif
