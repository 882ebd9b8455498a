/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_bios/boot.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Names and numbers of TPM 2.0 Part 2. */
enum {
    TPM_ST_NO_SESSIONS = 0x8001,
    TPM_ST_SESSIONS = 0x8002,
    TPM_CC_HIERARCHY_CHANGE_AUTH = 0x129,
    TPM_CC_INCREMENTAL_SELF_TEST = 0x142,
    TPM_CC_STARTUP = 0x144,
    TPM_SU_CLEAR = 0,
    TPM_SU_STATE = 1,
    TPM_ALG_SHA1 = 4,
    TPM_RH_PLATFORM = 0x4000000c,
    TPM_RS_PW = 0x40000009,
    TPMA_SESSION_CONTINUE_SESSION = 1
};

enum { PASSWORD_SIZE = 20 };

static int start(struct boot *boot)
{
    bool state = boot->options->startup == STARTUP_STATE;
    struct tpm_command command;
    struct command_response response;

    if (!state && boot->options->startup != STARTUP_CLEAR)
        return 0;
    tpm_command_begin(&command, state ? "TPM2_Startup(TPM_SU_STATE)" : "TPM2_Startup(TPM_SU_CLEAR)",
                      TPM_ST_NO_SESSIONS, TPM_CC_STARTUP);
    tpm_command_add16(&command, state ? TPM_SU_STATE : TPM_SU_CLEAR);
    return boot_send(boot, &command, &response);
}

static int test(struct boot *boot)
{
    struct tpm_command command;
    struct command_response response;

    tpm_command_begin(&command, "TPM2_IncrementalSelfTest", TPM_ST_NO_SESSIONS,
                      TPM_CC_INCREMENTAL_SELF_TEST);
    tpm_command_add32(&command, 1); /* algorithms to test */
    tpm_command_add16(&command, TPM_ALG_SHA1);
    return boot_send(boot, &command, &response);
}

/* An authorization with an empty password (Part 1 §18.7). */
static void add_empty_authorization(struct tpm_command *command)
{
    uint32_t size = sizeof(uint32_t) + sizeof(uint16_t) + sizeof(uint8_t) + sizeof(uint16_t);

    tpm_command_add32(command, size);
    tpm_command_add32(command, TPM_RS_PW);
    tpm_command_add16(command, 0); /* nonce */
    tpm_command_add8(command, TPMA_SESSION_CONTINUE_SESSION);
    tpm_command_add16(command, 0); /* password */
}

/* Nobody knows the password, so nobody can use the platform hierarchy until the next reset. */
static int give_up_platform(struct boot *boot)
{
    uint8_t password[PASSWORD_SIZE];
    struct tpm_command command;
    struct command_response response;

    if (getrandom(password, sizeof password, 0) != sizeof password) {
        boot_complain("option -u: no random password: %s", strerror(errno));
        return -1;
    }
    tpm_command_begin(&command, "TPM2_HierarchyChangeAuth(TPM_RH_PLATFORM)", TPM_ST_SESSIONS,
                      TPM_CC_HIERARCHY_CHANGE_AUTH);
    tpm_command_add32(&command, TPM_RH_PLATFORM);
    add_empty_authorization(&command);
    tpm_command_add16(&command, sizeof password);
    tpm_command_add_bytes(&command, password, sizeof password);
    int status = boot_send(boot, &command, &response);
    explicit_bzero(password, sizeof password);
    explicit_bzero(&command, sizeof command);
    return status;
}

enum boot_status boot_tpm2(const struct options *options)
{
    struct boot boot = {.options = options};

    if (start(&boot) != 0)
        return BOOT_CANNOT_TALK;
    if (options->self_test && test(&boot) != 0)
        return BOOT_CANNOT_TALK;
    if (options->give_up_presence && give_up_platform(&boot) != 0)
        return BOOT_CANNOT_TALK;
    return boot.refused ? BOOT_TPM_ERROR : BOOT_GOOD;
}
