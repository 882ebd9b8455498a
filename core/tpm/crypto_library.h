/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_CRYPTO_LIBRARY_H
#define TPM_CRYPTO_LIBRARY_H

#include <stdbool.h>

/* The crypto library beneath libtpms, OpenSSL in general, reads its configuration file and loads
 * the providers named there when it is first used.  Makes it do so now, while that is possible:
 * before --chroot and before the sandbox closes.  The texts of its errors, which libtpms never asks
 * for, are not loaded: they would take 45 KiB.
 *
 * Random bytes are the kernel's from here on (getrandom(2), by RAND_set_rand_method(3)): OpenSSL's
 * own generators are seeded from there as well, and to make them takes 0.7 ms and 190 KiB, of which
 * a TPM that makes no key has no use.  They stay if the configuration demands FIPS.
 *
 * Each allocation of OpenSSL that fails is noted from here on (CRYPTO_set_mem_functions(3)), and
 * each failure of getrandom(2).
 *
 * Does nothing if libtpms uses another library.  To be called once, while there is one thread, and
 * before OpenSSL has been used. */
void crypto_library_configure(void);

/* Whether the library beneath libtpms has random bytes; true if that is another one, of which
 * nothing is known.  To be asked before each start of the TPM: without them a TPM 2 of libtpms
 * makes its seeds of something else (doc/reliability.md, "Errors found in libtpms"). */
bool crypto_library_is_random(void);

/* From now on; and whether OpenSSL had no memory or no random bytes since.  libtpms does not check
 * each result of OpenSSL: it may go on with what is none, and answer, say, with a key that does not
 * follow from its seed (doc/reliability.md, "Errors found in libtpms").  So what it says then
 * counts for nothing.  By the thread that is in libtpms, or may enter it (worker.h). */
void crypto_library_forget_failure(void);
bool crypto_library_has_failed(void);

#endif
