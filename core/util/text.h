/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Appends formatted text to the string in the array `to` of `size` bytes; what does not fit is cut
 * off, and the string stays terminated. */
void text_append(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes the text with a question mark for each control character, so that what others wrote does
 * not steer the terminal. */
void text_print_harmless(FILE *to, const char *text);

#endif
