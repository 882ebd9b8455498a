/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_LIBRARY_H
#define TESTS_FUZZ_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/*
 * libtpms as a part of a fuzz target.  It comes from Debian, without instrumentation.
 *
 * Linked in, this makes it a function of its input: what it takes from OpenSSL's generator are
 * fixed bytes, and its new RSA keys are copies of one that was made at the start.  It makes sure,
 * too, that behind each state that libtpms is given there are zeros as far as libtpms may read.
 */

/* Before each input, with libtpms configured and no TPM started: the fixed bytes begin anew, and
 * libtpms' variables are as they were before the first input. */
void library_begin(void);

/* After each input: tells the fuzzer which lines libtpms has logged.  Almost each place where it
 * refuses something logs a line of its own, so that these stand in for edges of its code. */
void library_end(void);

/* Replaces the last 20 bytes of a state by the SHA-1 digest of those before, with which libtpms' own
 * states end: it looks at nothing else of a state before that fits. */
void library_fix_digest(uint8_t *state, size_t size);

#endif
