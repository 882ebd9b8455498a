/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/envelope_header.h"

#include <libtpms/tpm_error.h>

#include "util/big_endian.h"

enum header_offset {
    OFFSET_VERSION = 0,
    OFFSET_MINIMUM_VERSION = 1,
    OFFSET_HEADER_SIZE = 2,
    OFFSET_FLAGS = 4,
    OFFSET_TOTAL_SIZE = 6
};

static TPM_RESULT check_versions(const struct envelope_header *header, struct error *error)
{
    if (header->minimum_version > ENVELOPE_VERSION_STRONG) {
        error_set(error,
                  "written by a newer program: it needs format version %u and this program knows "
                  "versions up to %u; use the newer program",
                  header->minimum_version, ENVELOPE_VERSION_STRONG);
        return TPM_BAD_VERSION;
    }
    if (header->version < ENVELOPE_VERSION_UNTAGGED || header->minimum_version > header->version) {
        error_set(error, "damaged or no TPM state: format version %u with minimum version %u",
                  header->version, header->minimum_version);
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
    struct envelope_header parsed = {
        .version = bytes[OFFSET_VERSION],
        .minimum_version = bytes[OFFSET_MINIMUM_VERSION],
        .flags = big_endian_get16(bytes + OFFSET_FLAGS),
    };
    TPM_RESULT result = check_versions(&parsed, error);
    if (result != TPM_SUCCESS)
        return result;

    size_t header_size = big_endian_get16(bytes + OFFSET_HEADER_SIZE);
    uint32_t total_size = big_endian_get32(bytes + OFFSET_TOTAL_SIZE);
    if (total_size != envelope.size) {
        error_set(error, "damaged: it has %zu bytes and its header says %u", envelope.size,
                  total_size);
        return TPM_FAIL;
    }
    if (header_size < ENVELOPE_HEADER_SIZE || header_size > envelope.size) {
        error_set(error, "damaged: its header says that the header has %zu of %zu bytes",
                  header_size, envelope.size);
        return TPM_FAIL;
    }
    *header = parsed;
    *body = (struct swtpm_bytes){bytes + header_size, envelope.size - header_size};
    return TPM_SUCCESS;
}

void envelope_header_write(uint8_t to[ENVELOPE_HEADER_SIZE], const struct envelope_header *header,
                           uint32_t total)
{
    to[OFFSET_VERSION] = header->version;
    to[OFFSET_MINIMUM_VERSION] = header->minimum_version;
    big_endian_put16(to + OFFSET_HEADER_SIZE, ENVELOPE_HEADER_SIZE);
    big_endian_put16(to + OFFSET_FLAGS, header->flags);
    big_endian_put32(to + OFFSET_TOTAL_SIZE, total);
}
