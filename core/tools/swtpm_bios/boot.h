/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_BIOS_BOOT_H
#define TOOLS_SWTPM_BIOS_BOOT_H

#include <stdbool.h>

#include "tools/swtpm_bios/options.h"
#include "tools/swtpm_bios/tpm_command.h"
#include "tools/transport/command_channel.h"

/*
 * What a BIOS does with a TPM, step by step.  A command that the TPM refuses is reported on
 * standard error, and the next one follows; where the TPM cannot be talked to, all ends.
 */

/* Exit statuses (swtpm_bios(8)). */
enum boot_status {
    BOOT_GOOD = 0,
    BOOT_TPM_ERROR = 128,
    BOOT_RESET_NEEDED = 129,
    BOOT_CANNOT_TALK = 255
};

/* Prints what went wrong, once, on standard error. */
enum boot_status boot_tpm12(const struct options *options);
enum boot_status boot_tpm2(const struct options *options);

/* One boot in progress; for the functions above. */
struct boot {
    const struct options *options;
    bool refused; /* whether the TPM answered a command with an error */
};

/* Prints one line. */
void boot_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends a command and notes whether it was refused.  0, or -1 if the TPM cannot be talked to; the
 * message has been printed then. */
int boot_send(struct boot *boot, const struct tpm_command *command,
              struct command_response *response);

#endif
