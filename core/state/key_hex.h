/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_HEX_H
#define STATE_KEY_HEX_H

#include "swtpm_plugin.h"
#include "util/error.h"

/* Reads a key of exactly `key.size` bytes from hexadecimal text: an optional 0x, then two digits a
 * byte, ending at white space or at the end of the text (doc/state-format.md §6).  0, or -1 with a
 * message that tells positions and numbers, never digits. */
int key_hex_parse(struct swtpm_bytes text, struct swtpm_buffer key, struct error *error);

#endif
