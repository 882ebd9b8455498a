/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_ENVELOPE_HEADER_H
#define STATE_ENVELOPE_HEADER_H

#include <stdint.h>

#include <libtpms/tpm_types.h>

#include "swtpm_plugin.h"
#include "util/error.h"

/*
 * The 10 bytes before everything that is stored or migrated (doc/state-format.md §2): u8 version,
 * u8 minimum version, u16 header size, u16 flags, u32 total size with the header, all big-endian.
 */

#define ENVELOPE_HEADER_SIZE 10

enum envelope_version {
    ENVELOPE_VERSION_UNTAGGED = 1, /* no TLVs; read only */
    ENVELOPE_VERSION_TAGGED = 2,   /* what the original writes */
    /* With TLVs that only this program knows; far from what the original may use one day. */
    ENVELOPE_VERSION_STRONG = 128
};

enum envelope_flag {
    ENVELOPE_ENCRYPTED_BY_STATE_KEY = 1,
    ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY = 2,
    ENVELOPE_IS_MIGRATION_DATA = 4,
    ENVELOPE_STATE_KEY_256_BITS = 8,
    ENVELOPE_MIGRATION_KEY_256_BITS = 0x10
};

struct envelope_header {
    enum envelope_version version; /* the minimum version follows from it */
    uint16_t flags;                /* enum envelope_flag */
};

/*
 * Parses the header and checks each of its fields; *body is what follows it.  Only what one of the
 * known writers writes is taken, since nothing but this check protects the header of a state that
 * is not encrypted by AES-GCM.  TPM_BAD_VERSION if a newer program wrote it, TPM_FAIL if it is no
 * envelope; outputs are untouched then.
 */
TPM_RESULT envelope_header_parse(struct swtpm_bytes envelope, struct envelope_header *header,
                                 struct swtpm_bytes *body, struct error *error);

/* Writes the header of an envelope of `total` bytes, header included; not of version 1. */
void envelope_header_write(uint8_t to[ENVELOPE_HEADER_SIZE], const struct envelope_header *header,
                           uint32_t total);

#endif
