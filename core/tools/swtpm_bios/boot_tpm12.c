/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_bios/boot.h"

/* Names and numbers of TPM Main 1.2 Part 2. */
enum {
    TPM_TAG_RQU_COMMAND = 0xc1,
    TPM_ORD_CONTINUE_SELF_TEST = 0x53,
    TPM_ORD_GET_CAPABILITY = 0x65,
    TPM_ORD_PHYSICAL_ENABLE = 0x6f,
    TPM_ORD_PHYSICAL_SET_DEACTIVATED = 0x72,
    TPM_ORD_STARTUP = 0x99,
    TSC_ORD_PHYSICAL_PRESENCE = 0x4000000a,

    TPM_ST_CLEAR = 1,
    TPM_ST_STATE = 2,
    TPM_ST_DEACTIVATED = 3,

    TPM_PHYSICAL_PRESENCE_LOCK = 0x4,
    TPM_PHYSICAL_PRESENCE_PRESENT = 0x8,
    TPM_PHYSICAL_PRESENCE_NOTPRESENT = 0x10,
    TPM_PHYSICAL_PRESENCE_CMD_ENABLE = 0x20,

    TPM_CAP_FLAG = 4,
    TPM_CAP_FLAG_PERMANENT = 0x108
};

/* In the response to TPM_GetCapability: the header, the size of what follows, and of
 * TPM_PERMANENT_FLAGS (§7.1) the tag, disable and ownership. */
enum { DEACTIVATED_OFFSET = COMMAND_CHANNEL_HEADER_SIZE + 4 + 2 + 1 + 1 };

static void begin(struct tpm_command *command, const char *name, uint32_t ordinal)
{
    tpm_command_begin(command, name, TPM_TAG_RQU_COMMAND, ordinal);
}

static int start(struct boot *boot)
{
    static const struct {
        const char *name;
        uint16_t type;
    } kinds[] = {
        [STARTUP_CLEAR] = {"TPM_Startup(TPM_ST_CLEAR)", TPM_ST_CLEAR},
        [STARTUP_STATE] = {"TPM_Startup(TPM_ST_STATE)", TPM_ST_STATE},
        [STARTUP_DEACTIVATED] = {"TPM_Startup(TPM_ST_DEACTIVATED)", TPM_ST_DEACTIVATED},
    };
    struct tpm_command command;
    struct command_response response;

    if (boot->options->startup == STARTUP_NONE)
        return 0;
    begin(&command, kinds[boot->options->startup].name, TPM_ORD_STARTUP);
    tpm_command_add16(&command, kinds[boot->options->startup].type);
    return boot_send(boot, &command, &response);
}

static int set_presence(struct boot *boot, const char *name, uint16_t presence)
{
    struct tpm_command command;
    struct command_response response;

    begin(&command, name, TSC_ORD_PHYSICAL_PRESENCE);
    tpm_command_add16(&command, presence);
    return boot_send(boot, &command, &response);
}

static int enable_presence_command(struct boot *boot)
{
    return set_presence(boot, "TSC_PhysicalPresence(CMD_ENABLE)", TPM_PHYSICAL_PRESENCE_CMD_ENABLE);
}

static int take_presence(struct boot *boot)
{
    if (enable_presence_command(boot) != 0)
        return -1;
    return set_presence(boot, "TSC_PhysicalPresence(PRESENT)", TPM_PHYSICAL_PRESENCE_PRESENT);
}

static int give_up_presence(struct boot *boot)
{
    if (enable_presence_command(boot) != 0)
        return -1;
    return set_presence(boot, "TSC_PhysicalPresence(NOTPRESENT, LOCK)",
                        TPM_PHYSICAL_PRESENCE_NOTPRESENT | TPM_PHYSICAL_PRESENCE_LOCK);
}

static int get_deactivated(struct boot *boot, bool *deactivated)
{
    static const char name[] = "TPM_GetCapability(TPM_CAP_FLAG_PERMANENT)";
    struct tpm_command command;
    struct command_response response;

    begin(&command, name, TPM_ORD_GET_CAPABILITY);
    tpm_command_add32(&command, TPM_CAP_FLAG);
    tpm_command_add32(&command, sizeof(uint32_t));
    tpm_command_add32(&command, TPM_CAP_FLAG_PERMANENT);
    if (boot_send(boot, &command, &response) != 0)
        return -1;
    if (response.result != 0)
        return 0;
    if (response.size <= DEACTIVATED_OFFSET) {
        boot_complain("%s: the response of %s has %zu bytes, too few for the flags", name,
                      boot->options->endpoint.name, response.size);
        return -1;
    }
    *deactivated = response.bytes[DEACTIVATED_OFFSET] != 0;
    return 0;
}

static int enable(struct boot *boot)
{
    struct tpm_command command;
    struct command_response response;

    begin(&command, "TPM_PhysicalEnable", TPM_ORD_PHYSICAL_ENABLE);
    if (boot_send(boot, &command, &response) != 0)
        return -1;
    begin(&command, "TPM_PhysicalSetDeactivated(FALSE)", TPM_ORD_PHYSICAL_SET_DEACTIVATED);
    tpm_command_add8(&command, false);
    return boot_send(boot, &command, &response);
}

/* What is set active here is so after the next reset only. */
static int activate(struct boot *boot, bool *reset_needed)
{
    bool skip = boot->options->startup_only || boot->options->startup == STARTUP_DEACTIVATED;

    if (skip)
        return 0;
    if (take_presence(boot) != 0)
        return -1;
    if (boot->options->ensure_activated && get_deactivated(boot, reset_needed) != 0)
        return -1;
    return enable(boot);
}

static int test(struct boot *boot)
{
    struct tpm_command command;
    struct command_response response;

    begin(&command, "TPM_ContinueSelfTest", TPM_ORD_CONTINUE_SELF_TEST);
    return boot_send(boot, &command, &response);
}

enum boot_status boot_tpm12(const struct options *options)
{
    struct boot boot = {.options = options};
    bool reset_needed = false;

    if (start(&boot) != 0 || activate(&boot, &reset_needed) != 0)
        return BOOT_CANNOT_TALK;
    if (reset_needed) {
        boot_complain("the TPM at %s was deactivated; it is active after a reset",
                      options->endpoint.name);
        return BOOT_RESET_NEEDED;
    }
    if (options->self_test && test(&boot) != 0)
        return BOOT_CANNOT_TALK;
    if (options->give_up_presence && give_up_presence(&boot) != 0)
        return BOOT_CANNOT_TALK;
    return boot.refused ? BOOT_TPM_ERROR : BOOT_GOOD;
}
