/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdint.h>
#include <sys/types.h>

/* What a response says: 0, the TPM's response code, or a negated errno.  `size` is what read(2)
 * gave, or a negated errno.  An answer too short for a TPM's header is that of a control channel,
 * which begins with its result. */
int response_check(const uint8_t *response, ssize_t size);

#endif
