/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/key_hex.h"

#include <ctype.h>
#include <stdint.h>

static int digit_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static size_t prefix_size(struct swtpm_bytes text)
{
    const uint8_t *bytes = text.data;
    return text.size >= 2 && bytes[0] == '0' && bytes[1] == 'x' ? 2 : 0;
}

/* Digits up to white space or the end; -1 if something else stands there. */
static int count_digits(struct swtpm_bytes text, size_t from, size_t *digits, struct error *error)
{
    const uint8_t *bytes = text.data;
    size_t at = from;

    while (at < text.size && digit_value(bytes[at]) >= 0)
        at++;
    if (at < text.size && !isspace(bytes[at])) {
        error_set(error, "byte %zu is not a hexadecimal digit; for a key in raw bytes say "
                         "format=binary", at + 1);
        return -1;
    }
    *digits = at - from;
    return 0;
}

const char *key_size_advice(size_t size)
{
    if (size == 32)
        return "; for a key of 256 bits say mode=aes-256-cbc or mode=aes-256-gcm";
    return size == 16 ? "; for a key of 128 bits say mode=aes-128-cbc" : "";
}

int key_hex_parse(struct swtpm_bytes text, struct swtpm_buffer key, struct error *error)
{
    const uint8_t *digits = text.data;
    uint8_t *bytes = key.data;
    size_t start = prefix_size(text);
    size_t count;

    if (count_digits(text, start, &count, error) != 0)
        return -1;
    if (count != 2 * key.size) {
        error_set(error, "%zu hexadecimal digits where a key of %zu bits has %zu%s", count,
                  8 * key.size, 2 * key.size, count % 2 == 0 ? key_size_advice(count / 2) : "");
        return -1;
    }
    for (size_t i = 0; i < key.size; i++)
        bytes[i] = (uint8_t)(digit_value(digits[start + 2 * i]) << 4 |
                             digit_value(digits[start + 2 * i + 1]));
    return 0;
}
