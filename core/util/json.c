/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/json.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes of the UTF-8 sequence (RFC 3629) at the start of `text`, 0 if there is none.  Overlong
 * forms, surrogates and what lies above U+10FFFF are none. */
static size_t sequence_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high;   /* range of the first byte */
        unsigned char second_low, second_high; /* range of the second */
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high)
            continue;
        if (forms[i].length > 1 &&
            (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
            return 0;
        for (size_t j = 2; j < forms[i].length; j++)
            if ((text[j] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

static void write_ascii(FILE *to, unsigned char byte)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = strchr(escaped, byte);

    if (found != NULL)
        fprintf(to, "\\%c", letters[found - escaped]);
    else if (byte < 0x20 || byte == 0x7f)
        fprintf(to, "\\u%04x", byte);
    else
        fputc(byte, to);
}

void json_write_string(FILE *to, const char *text)
{
    const unsigned char *rest = (const unsigned char *)text;

    fputc('"', to);
    while (*rest != '\0') {
        size_t length = sequence_length(rest);
        if (length == 0)
            fputs("\\ufffd", to);
        else if (length == 1)
            write_ascii(to, *rest);
        else
            fwrite(rest, 1, length, to);
        rest += length > 0 ? length : 1;
    }
    fputc('"', to);
}
