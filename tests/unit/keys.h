/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_KEYS_H
#define TESTS_UNIT_KEYS_H

#include <stddef.h>

#include "state/key.h"

/* Keys for tests, over linked_crypto. */

/* A descriptor that reads `size` bytes and then ends. */
int keys_fd(const void *contents, size_t size);

/* The parameters of a --key with nothing in it. */
struct key_parameters keys_parameters(void);

/* A key whose bytes are all `fill`. */
struct state_key *keys_binary(enum key_mode mode, char fill);

/* A key of a passphrase. */
struct state_key *keys_passphrase(enum key_mode mode, enum key_derivation derivation,
                                  const char *passphrase);

#endif
