/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/tlv.h"

#include <limits.h>

#include "util/big_endian.h"

struct tlv {
    uint16_t tag;
    struct swtpm_bytes value;
};

/* Takes the first TLV off `rest`.  False if it reaches beyond the end. */
static bool take(struct swtpm_bytes *rest, struct tlv *tlv)
{
    const uint8_t *bytes = rest->data;

    if (rest->size < TLV_HEADER_SIZE)
        return false;
    size_t room = rest->size - TLV_HEADER_SIZE;
    uint32_t length = big_endian_get32(bytes + sizeof tlv->tag);
    if (length > room)
        return false;
    tlv->tag = big_endian_get16(bytes);
    tlv->value = (struct swtpm_bytes){bytes + TLV_HEADER_SIZE, length};
    *rest = (struct swtpm_bytes){bytes + TLV_HEADER_SIZE + length, room - length};
    return true;
}

int tlv_check(struct swtpm_bytes tlvs, struct error *error)
{
    uint8_t seen[(UINT16_MAX + 1) / CHAR_BIT] = {0};
    struct swtpm_bytes rest = tlvs;
    struct tlv tlv;

    while (rest.size > 0) {
        size_t offset = tlvs.size - rest.size;
        if (!take(&rest, &tlv)) {
            error_set(error, "damaged: the item at byte %zu overruns the end", offset);
            return -1;
        }
        uint8_t bit = (uint8_t)(1U << tlv.tag % CHAR_BIT);
        if (seen[tlv.tag / CHAR_BIT] & bit) {
            error_set(error, "damaged: it has two items with tag %u", tlv.tag);
            return -1;
        }
        seen[tlv.tag / CHAR_BIT] |= bit;
    }
    return 0;
}

bool tlv_find(struct swtpm_bytes tlvs, uint16_t tag, struct swtpm_bytes *value)
{
    struct tlv tlv;

    while (take(&tlvs, &tlv)) {
        if (tlv.tag == tag) {
            *value = tlv.value;
            return true;
        }
    }
    return false;
}

static int append_header(struct buffer *to, uint16_t tag, uint32_t size)
{
    uint8_t header[TLV_HEADER_SIZE];

    big_endian_put16(header, tag);
    big_endian_put32(header + sizeof tag, size);
    return buffer_append(to, header, sizeof header);
}

int tlv_append(struct buffer *to, uint16_t tag, struct swtpm_bytes value)
{
    if (value.size > UINT32_MAX || append_header(to, tag, (uint32_t)value.size) != 0)
        return -1;
    return buffer_append(to, value.data, value.size);
}
