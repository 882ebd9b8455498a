/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CRYPTO_GNUTLS_RESULT_H
#define CRYPTO_GNUTLS_RESULT_H

#include <gnutls/gnutls.h>

#include "swtpm_plugin.h"

/* Sets the message and returns `result`. */
int fail(struct swtpm_plugin_error *error, enum swtpm_plugin_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Turns GnuTLS' return value of `call` into a result of the interface, with a message if it is one
 * of failure. */
int check(struct swtpm_plugin_error *error, const char *call, int returned);

/* GnuTLS' view of bytes.  It takes a pointer to non-const but only reads.  The size must have been
 * checked to fit: see check_size. */
gnutls_datum_t datum(struct swtpm_bytes bytes);

/* INVALID with a message unless GnuTLS can count that many bytes, else 0. */
int check_size(struct swtpm_plugin_error *error, const char *what, size_t size);

#endif
