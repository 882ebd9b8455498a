/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_LINKED_CRYPTO_H
#define TESTS_UNIT_LINKED_CRYPTO_H

#include <stdbool.h>

#include "plugin/crypto.h"

/* The functions of plugin/crypto.h over a plugin that is linked into the test, which can be made to
 * fail.  Of more than 10,000 rounds of key derivation it makes some hundred: the real number would
 * take minutes here, and is tested with the programs. */

const struct crypto *linked_crypto(void);

/* The next `after` calls go to the plugin, the one behind them fails with `code`; 0 mends it. */
void linked_crypto_break(unsigned after, int code);

/* Whether the call that was to fail has been made. */
bool linked_crypto_has_failed(void);

/* Calls of crypto_pbkdf2 so far. */
unsigned linked_crypto_derivations(void);

#endif
