/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_bios/boot.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PROGRAM "swtpm_bios"

/* Results that tell the user something about how to go on (TPM Main 1.2 Part 2 §16, TPM 2.0 Part 2
 * §6.6.3). */
enum {
    TPM_BAD_ORDINAL = 0xa,
    TPM_BADTAG = 0x1e,
    TPM_INVALID_POSTINIT = 0x26,
    TPM_RC_FMT1 = 0x80,
    TPM_RC_INITIALIZE = 0x100,
    TPM_RC_FAILURE = 0x101
};

void boot_complain(const char *format, ...)
{
    va_list arguments;

    fputs(PROGRAM ": ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static const char *advice_tpm12(uint32_t result)
{
    if (result == TPM_INVALID_POSTINIT)
        return "; a TPM is started once after each 'swtpm_ioctl -i'";
    if (result == TPM_BADTAG || (result & TPM_RC_FMT1) != 0)
        return "; if it is a TPM 2, give --tpm2";
    return "";
}

static const char *advice_tpm2(uint32_t result)
{
    switch (result) {
    case TPM_BAD_ORDINAL:
    case TPM_BADTAG:
        return "; it is a TPM 1.2, leave --tpm2 out";
    case TPM_RC_INITIALIZE:
        return "; a TPM is started once after each 'swtpm_ioctl -i'";
    case TPM_RC_FAILURE:
        return "; it may need 'swtpm_ioctl -i' first";
    default:
        return "";
    }
}

int boot_send(struct boot *boot, const struct tpm_command *command,
              struct command_response *response)
{
    struct error error;

    if (command_channel_exchange(&boot->options->endpoint, command->bytes, command->size, response,
                                 &error) != 0) {
        boot_complain("%s: %s", command->name, error.text);
        return -1;
    }
    if (response->result != 0) {
        boot->refused = true;
        boot_complain("the TPM at %s answered %s with 0x%08" PRIx32 "%s",
                      boot->options->endpoint.name, command->name, response->result,
                      boot->options->tpm2 ? advice_tpm2(response->result)
                                          : advice_tpm12(response->result));
    }
    return 0;
}
