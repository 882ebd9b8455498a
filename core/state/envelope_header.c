/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/envelope_header.h"

#include <stdbool.h>

#include <libtpms/tpm_error.h>

#include "util/big_endian.h"

enum header_offset {
    OFFSET_VERSION = 0,
    OFFSET_MINIMUM_VERSION = 1,
    OFFSET_HEADER_SIZE = 2,
    OFFSET_FLAGS = 4,
    OFFSET_TOTAL_SIZE = 6
};

static TPM_RESULT check_versions(uint8_t version, uint8_t minimum, struct error *error)
{
    bool ours = version == ENVELOPE_VERSION_STRONG && minimum == ENVELOPE_VERSION_STRONG;
    bool theirs = version <= ENVELOPE_VERSION_TAGGED && minimum <= version &&
                  minimum >= ENVELOPE_VERSION_UNTAGGED;

    if (ours || theirs)
        return TPM_SUCCESS;
    error_set(error, "format version %u with minimum version %u is not known here: it is damaged "
                     "or was written by a newer program", version, minimum);
    return version > ENVELOPE_VERSION_TAGGED ? TPM_BAD_VERSION : TPM_FAIL;
}

static TPM_RESULT check_sizes(const uint8_t *bytes, size_t size, struct error *error)
{
    uint16_t header_size = big_endian_get16(bytes + OFFSET_HEADER_SIZE);
    uint32_t total_size = big_endian_get32(bytes + OFFSET_TOTAL_SIZE);

    if (header_size != ENVELOPE_HEADER_SIZE) {
        error_set(error, "damaged: its header says that the header has %u bytes", header_size);
        return TPM_FAIL;
    }
    if (total_size != size) {
        error_set(error, "damaged: it has %zu bytes and its header says %u", size, total_size);
        return TPM_FAIL;
    }
    return TPM_SUCCESS;
}

TPM_RESULT envelope_header_parse(struct swtpm_bytes envelope, struct envelope_header *header,
                                 struct swtpm_bytes *body, struct error *error)
{
    const uint8_t *bytes = envelope.data;

    if (envelope.size < ENVELOPE_HEADER_SIZE) {
        error_set(error, "damaged: it has %zu bytes and its header alone has %d", envelope.size,
                  ENVELOPE_HEADER_SIZE);
        return TPM_FAIL;
    }
    TPM_RESULT result =
        check_versions(bytes[OFFSET_VERSION], bytes[OFFSET_MINIMUM_VERSION], error);
    if (result == TPM_SUCCESS)
        result = check_sizes(bytes, envelope.size, error);
    if (result != TPM_SUCCESS)
        return result;
    *header = (struct envelope_header){
        .version = (enum envelope_version)bytes[OFFSET_VERSION],
        .flags = big_endian_get16(bytes + OFFSET_FLAGS),
    };
    *body = (struct swtpm_bytes){bytes + ENVELOPE_HEADER_SIZE,
                                 envelope.size - ENVELOPE_HEADER_SIZE};
    return TPM_SUCCESS;
}

void envelope_header_write(uint8_t to[ENVELOPE_HEADER_SIZE], const struct envelope_header *header,
                           uint32_t total)
{
    bool strong = header->version == ENVELOPE_VERSION_STRONG;

    to[OFFSET_VERSION] = (uint8_t)header->version;
    to[OFFSET_MINIMUM_VERSION] = strong ? ENVELOPE_VERSION_STRONG : ENVELOPE_VERSION_UNTAGGED;
    big_endian_put16(to + OFFSET_HEADER_SIZE, ENVELOPE_HEADER_SIZE);
    big_endian_put16(to + OFFSET_FLAGS, header->flags);
    big_endian_put32(to + OFFSET_TOTAL_SIZE, total);
}
