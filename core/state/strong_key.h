/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_STRONG_KEY_H
#define STATE_STRONG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/crypto.h"
#include "util/error.h"

/*
 * Keys of kdf=pbkdf2-strong (doc/state-format.md).  How a key was derived stands in the state that
 * it protects: u8 method (1 = PBKDF2-HMAC-SHA512, RFC 8018), u32 rounds, 16 to 64 bytes of salt.
 * Deriving takes a good part of a second, so the last key is kept: a state is stored with the salt
 * of the one that was loaded.
 */

#define STRONG_KEY_ROUNDS 210000     /* of new states, and the fewest that are accepted */
#define STRONG_KEY_ROUNDS_MAX 1000000 /* a hostile state may cost a second or two, no more */
#define STRONG_KEY_SALT_SIZE 32      /* of new states, in bytes */
#define STRONG_KEY_SALT_MIN 16
#define STRONG_KEY_SALT_MAX 64
#define STRONG_KEY_PARAMETERS_SIZE (5 + STRONG_KEY_SALT_SIZE) /* of new states */
#define STRONG_KEY_PARAMETERS_MAX (5 + STRONG_KEY_SALT_MAX)
#define STRONG_KEY_PASSPHRASE_MAX 128

/* To lie in secret memory. */
struct strong_key {
    uint8_t passphrase[STRONG_KEY_PASSPHRASE_MAX]; /* or the digest of a longer one */
    size_t passphrase_size;
    uint8_t parameters[STRONG_KEY_PARAMETERS_MAX]; /* of `key` */
    size_t parameters_size;                        /* 0: nothing derived yet */
    bool proven; /* made here, or something opened with `key`: they are nobody else's choice */
    uint8_t key[32];
};

/* Takes the passphrase.  0 or a code of enum swtpm_plugin_result. */
int strong_key_init(struct strong_key *strong, const struct crypto *crypto,
                    struct swtpm_bytes passphrase, struct error *error);

/* Makes `strong->key`, of `size` bytes, the one of these parameters.  0; SWTPM_PLUGIN_CORRUPT if
 * the parameters are damaged or too weak; another code if the crypto plugin fails. */
int strong_key_derive(struct strong_key *strong, const struct crypto *crypto, size_t size,
                      struct swtpm_bytes parameters, struct error *error);

/* Makes sure that there is a proven key, with a new salt if there is none yet. */
int strong_key_derive_any(struct strong_key *strong, const struct crypto *crypto, size_t size,
                          struct error *error);

#endif
