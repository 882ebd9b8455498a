/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_HEX_H
#define STATE_KEY_HEX_H

#include "swtpm_plugin.h"
#include "util/error.h"

/* Reads a key of exactly `key.size` bytes from hexadecimal text: an optional 0x, then two digits a
 * byte, ending at white space or at the end of the text (doc/state-format.md §6).  0, or -1 with a
 * message that tells positions and numbers, never digits. */
int key_hex_parse(struct swtpm_bytes text, struct swtpm_buffer key, struct error *error);

/* What to add to the message about a key of `size` bytes that are not those of its mode: the modes
 * that it would fit, after a semicolon; an empty text if it fits none. */
const char *key_size_advice(size_t size);

#endif
