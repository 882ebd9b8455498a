/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_append(char *to, size_t size, const char *format, ...)
{
    size_t used = strlen(to);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(to + used, size - used, format, arguments);
    va_end(arguments);
}

void text_print_harmless(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        fputc(byte < ' ' || byte == 0x7f ? '?' : byte, to);
    }
}
