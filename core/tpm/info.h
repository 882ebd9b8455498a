/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_INFO_H
#define TPM_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/state_name.h"
#include "util/error.h"

/*
 * What libtpms says of itself.  No TPM needs to run for that.  Like everything in libtpms, from one
 * thread at a time.
 */

/* Most RSA key sizes that are told apart. */
#define TPM_INFO_RSA_KEY_SIZES_MAX 8

/* Size of the text of a library version, with its final NUL. */
#define TPM_INFO_VERSION_SIZE 16

/* Makes libtpms answer for that version of the TPM.  False if it cannot be one.  To be called while
 * no TPM runs. */
bool tpm_info_choose_version(enum tpm_version version);

/* The JSON object for the flags of GET_INFO (PTM_INFO_…, swtpm_ptm.h), which may be any: the library
 * ignores one that it does not know.  NULL if there is no memory.  To be freed by the caller with
 * free(3). */
char *tpm_info(uint64_t flags);

/* The RSA key sizes, in bits, of the chosen TPM: at most TPM_INFO_RSA_KEY_SIZES_MAX, as libtpms
 * orders them.  Returns how many; 0 for a TPM 1.2, whose sizes libtpms does not tell. */
size_t tpm_info_rsa_key_sizes(unsigned sizes[TPM_INFO_RSA_KEY_SIZES_MAX]);

/* The version of the loaded library: "0.9.2". */
void tpm_info_library_version(char version[TPM_INFO_VERSION_SIZE]);

#endif
