/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_CRYPTO_VECTORS_H
#define TOOLS_SWTPM_PLUGIN_CHECK_CRYPTO_VECTORS_H

#include <stdio.h>

#include "swtpm_plugin.h"

/*
 * Known answers for crypto ops, from the files in tests/vectors.  Such a file has comments (#) that
 * name its source, and records of lines `field = value`, separated by empty lines:
 *
 *   name        for people
 *   op          digest, hmac, cbc, aead, hkdf or pbkdf2
 *   algorithm   sha256, sha512, aes128 or aes256
 *   key, iv, associated, salt, info, password, input, output
 *               hexadecimal bytes; none if absent
 *   rounds      of pbkdf2, decimal
 *   result      `corrupt`: `output` is a ciphertext that aead must refuse to decrypt
 *
 * Ciphers are run in both directions.
 */

/* Called for each record; `failure` is NULL if the ops gave the known answer, else says what they
 * did.  A record that cannot be understood is a failure. */
typedef void (*crypto_vector_visitor)(void *context, const char *name, const char *failure);

/* Runs all records of `file`.  The number of records, or -1 if the file cannot be read. */
int crypto_vectors_run(const struct swtpm_crypto_ops *ops, FILE *file, crypto_vector_visitor visit,
                       void *context);

#endif
