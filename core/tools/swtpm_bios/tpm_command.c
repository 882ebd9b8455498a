/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_bios/tpm_command.h"

#include <assert.h>
#include <string.h>

#include "util/big_endian.h"

enum { SIZE_OFFSET = 2 };

void tpm_command_add_bytes(struct tpm_command *command, const void *data, size_t size)
{
    assert(size <= sizeof command->bytes - command->size);
    memcpy(command->bytes + command->size, data, size);
    command->size += size;
    big_endian_put32(command->bytes + SIZE_OFFSET, (uint32_t)command->size);
}

void tpm_command_add8(struct tpm_command *command, uint8_t value)
{
    tpm_command_add_bytes(command, &value, sizeof value);
}

void tpm_command_add16(struct tpm_command *command, uint16_t value)
{
    uint8_t bytes[sizeof value];

    big_endian_put16(bytes, value);
    tpm_command_add_bytes(command, bytes, sizeof bytes);
}

void tpm_command_add32(struct tpm_command *command, uint32_t value)
{
    uint8_t bytes[sizeof value];

    big_endian_put32(bytes, value);
    tpm_command_add_bytes(command, bytes, sizeof bytes);
}

void tpm_command_begin(struct tpm_command *command, const char *name, uint16_t tag,
                       uint32_t ordinal)
{
    *command = (struct tpm_command){.name = name};
    tpm_command_add16(command, tag);
    tpm_command_add32(command, 0); /* the size */
    tpm_command_add32(command, ordinal);
}
