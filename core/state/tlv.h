/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_TLV_H
#define STATE_TLV_H

#include <stdbool.h>
#include <stdint.h>

#include "swtpm_plugin.h"
#include "util/buffer.h"
#include "util/error.h"

/* Tagged values (doc/state-format.md §3): u16 tag, u32 length, data; big-endian, one after the
 * other. */

#define TLV_HEADER_SIZE 6

enum tlv_tag {
    TLV_STATE = 1,
    TLV_ENCRYPTED_STATE = 2,
    TLV_HMAC = 3,
    TLV_MIGRATION = 4,
    TLV_ENCRYPTED_MIGRATION = 5,
    TLV_STATE_IV = 6,
    TLV_MIGRATION_IV = 7,
    /* Of our own (doc/state-format.md). */
    TLV_STATE_DERIVATION = 0x8001,
    TLV_GCM_STATE = 0x8002,
    TLV_MIGRATION_DERIVATION = 0x8003,
    TLV_GCM_MIGRATION = 0x8004
};

/* Walks over all of `tlvs`.  0, or -1 if a length overruns the end, bytes are left over or a tag
 * stands there twice.  Tags that nobody knows are fine. */
int tlv_check(struct swtpm_bytes tlvs, struct error *error);

/* Finds the value of `tag`, in place, in bytes that tlv_check has passed. */
bool tlv_find(struct swtpm_bytes tlvs, uint16_t tag, struct swtpm_bytes *value);

/* Appends a TLV; `value` must not lie in `to`.  0, or -1 if there is no memory or the value has
 * 4 GiB or more. */
int tlv_append(struct buffer *to, uint16_t tag, struct swtpm_bytes value);

#endif
