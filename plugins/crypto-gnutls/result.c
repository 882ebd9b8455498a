/* SPDX-License-Identifier: BSD-3-Clause */
#include "result.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

int fail(struct swtpm_plugin_error *error, enum swtpm_plugin_result result, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return result;
}

static enum swtpm_plugin_result result_of(int gnutls_error)
{
    switch (gnutls_error) {
    case GNUTLS_E_MEMORY_ERROR:
        return SWTPM_PLUGIN_NO_MEMORY;
    case GNUTLS_E_DECRYPTION_FAILED:
        return SWTPM_PLUGIN_CORRUPT;
    case GNUTLS_E_INVALID_REQUEST:
        return SWTPM_PLUGIN_INVALID;
    case GNUTLS_E_UNIMPLEMENTED_FEATURE:
    case GNUTLS_E_UNWANTED_ALGORITHM:
    case GNUTLS_E_UNKNOWN_CIPHER_TYPE:
    case GNUTLS_E_UNKNOWN_HASH_ALGORITHM:
        return SWTPM_PLUGIN_UNSUPPORTED;
    default:
        return SWTPM_PLUGIN_IO;
    }
}

int check(struct swtpm_plugin_error *error, const char *call, int returned)
{
    if (returned >= 0)
        return SWTPM_PLUGIN_OK;
    return fail(error, result_of(returned), "%s: %s", call, gnutls_strerror(returned));
}

gnutls_datum_t datum(struct swtpm_bytes bytes)
{
    union { const void *read; unsigned char *given; } pointer = {.read = bytes.data};
    return (gnutls_datum_t){.data = pointer.given, .size = (unsigned)bytes.size};
}

int check_size(struct swtpm_plugin_error *error, const char *what, size_t size)
{
    if (size <= UINT_MAX)
        return SWTPM_PLUGIN_OK;
    return fail(error, SWTPM_PLUGIN_INVALID, "%s of %zu bytes is too long for GnuTLS", what, size);
}
