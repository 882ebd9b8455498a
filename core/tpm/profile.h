/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_PROFILE_H
#define TPM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/*
 * Profiles of a TPM 2: which algorithms and commands a new one offers.  libtpms has them since
 * version 0.10; whether the loaded one does is found out when it is loaded.
 */

/* Whether the loaded libtpms has profiles. */
bool tpm_profile_is_supported(void);

/* 0 if the loaded libtpms has profiles, else -1 with a message that names the version found and the
 * one needed. */
int tpm_profile_require(struct error *error);

/* Sets the profile, a JSON object, of a TPM 2 that is to be made by the next TPMLIB_MainInit; one
 * that exists keeps its own.  To be called after the TPM version was chosen and before the TPM
 * starts.  0, or -1 with a message. */
int tpm_profile_set(const char *json, struct error *error);

/* Visits the name of each profile that libtpms offers for a new TPM 2; none where it has no
 * profiles.  `name` lives for the call and is not terminated: it has `size` bytes. */
void tpm_profile_for_each(void (*visit)(void *context, const char *name, size_t size),
                          void *context);

#endif
