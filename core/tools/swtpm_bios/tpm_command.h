/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_BIOS_TPM_COMMAND_H
#define TOOLS_SWTPM_BIOS_TPM_COMMAND_H

#include <stddef.h>
#include <stdint.h>

/*
 * A TPM command being put together: header first, then its parameters, in the order of the
 * specifications (TPM Main 1.2 Part 3; TPM 2.0 Part 3).  The size in the header is always right.
 */

enum { TPM_COMMAND_SIZE_MAX = 64 };

struct tpm_command {
    const char *name; /* for messages; of static storage */
    uint8_t bytes[TPM_COMMAND_SIZE_MAX];
    size_t size;
};

/* Begins with a tag (TPM_TAG_… or TPM_ST_…) and an ordinal (TPM_ORD_… or TPM_CC_…). */
void tpm_command_begin(struct tpm_command *command, const char *name, uint16_t tag,
                       uint32_t ordinal);

/* Append a parameter.  All must fit into TPM_COMMAND_SIZE_MAX bytes. */
void tpm_command_add8(struct tpm_command *command, uint8_t value);
void tpm_command_add16(struct tpm_command *command, uint16_t value);
void tpm_command_add32(struct tpm_command *command, uint32_t value);
void tpm_command_add_bytes(struct tpm_command *command, const void *data, size_t size);

#endif
