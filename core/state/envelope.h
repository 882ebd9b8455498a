/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_ENVELOPE_H
#define STATE_ENVELOPE_H

#include <libtpms/tpm_types.h>

#include "state/key.h"
#include "state/state_name.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * What a stored state looks like: header and TLVs around the plain bytes, encrypted where there is
 * a key (doc/state-format.md).  Pure functions on byte ranges.  Messages say what is wrong with the
 * bytes; the caller puts their name before it.
 */

/* Largest plain state that is wrapped, in bytes: with all that is put around it, it stays below the
 * largest value of a store. */
#define ENVELOPE_STATE_MAX (SWTPM_STORAGE_VALUE_MAX - 1024)

/* Wraps a plain state for the value that `version` and `type` name.  `envelope` is replaced on
 * success, else untouched.  TPM_RESOURCES if there is no memory. */
TPM_RESULT envelope_wrap(const struct state_key *key, enum tpm_version version,
                         enum state_type type, struct swtpm_bytes plain, struct buffer *envelope,
                         struct error *error);

/* Wraps, and makes sure that the result unwraps to the same: for what replaces the only copy. */
TPM_RESULT envelope_wrap_proven(const struct state_key *key, enum tpm_version version,
                                enum state_type type, struct swtpm_bytes plain,
                                struct buffer *envelope, struct error *error);

/* Unwraps what is stored under that name.  `plain` is replaced on success, else untouched.
 * Results as in state_store.h. */
TPM_RESULT envelope_unwrap(const struct state_key *key, enum tpm_version version,
                           enum state_type type, struct swtpm_bytes envelope,
                           struct buffer *plain, struct error *error);

/* What anybody can tell of a stored state, without its key. */
struct envelope_description {
    unsigned version;  /* of the format */
    const char *mode;  /* "plain", or the value of mode=: "aes-128-cbc"; of static storage */
    bool strong;       /* the key comes from kdf=pbkdf2-strong */
    bool migration;    /* it is a state blob */
};

/* TPM_SUCCESS; else TPM_FAIL or TPM_BAD_VERSION with a message. */
TPM_RESULT envelope_describe(struct swtpm_bytes envelope, struct envelope_description *description,
                             struct error *error);

#endif
