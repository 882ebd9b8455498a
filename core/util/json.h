/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <stdio.h>

/* Writes `text` as a JSON string (RFC 8259, section 7) with its quotes.  Bytes that are not UTF-8,
 * as file names may hold, come out as U+FFFD each.  Errors stay with the stream. */
void json_write_string(FILE *to, const char *text);

#endif
