/* SPDX-License-Identifier: BSD-3-Clause */
#include <gnutls/crypto.h>

#include "ops.h"
#include "result.h"

int random_op(struct swtpm_buffer output, struct swtpm_plugin_error *error)
{
    return check(error, "gnutls_rnd", gnutls_rnd(GNUTLS_RND_KEY, output.data, output.size));
}
