/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_bios/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/command_line.h"

#define DEFAULT_DEVICE "/dev/tpm0"

enum { DEFAULT_PORT = 6545 };

#define STARTUP(type)                                                                              \
    .take = command_line_set_constant, .offset = offsetof(struct options, startup),                \
    .constant = (type)
#define FLAG(member) .take = command_line_set_flag, .offset = offsetof(struct options, member)
#define ENDPOINT .offset = offsetof(struct options, endpoint)

static const struct command_line_option option_table[] = {
    {.name = "--tpm-device",
     .values = "DEV",
     .summary = "the TPM is this device; by default " DEFAULT_DEVICE,
     .take = command_line_set_device,
     ENDPOINT},
    {.name = "--tcp",
     .values = "[HOST]:[PORT]",
     .summary = "the TPM's command channel is there;\n"
                "127.0.0.1:6545 where something is left out",
     .take = command_line_set_tcp,
     ENDPOINT},
    {.name = "--unix",
     .values = "PATH",
     .summary = "the TPM's command channel is this socket",
     .take = command_line_set_unix,
     ENDPOINT},
    {.name = "--tpm2", .summary = "it is a TPM 2", FLAG(tpm2)},
    {.name = "-c", .summary = "start it with a clear state; the default", STARTUP(STARTUP_CLEAR)},
    {.name = "-s", .summary = "start it with the state that it saved", STARTUP(STARTUP_STATE)},
    {.name = "-d",
     .summary = "start it deactivated; a TPM 2 is not started",
     STARTUP(STARTUP_DEACTIVATED)},
    {.name = "-n", .summary = "do not start it", STARTUP(STARTUP_NONE)},
    {.name = "-o",
     .summary = "start it only: a TPM 1.2 is not enabled and activated",
     FLAG(startup_only)},
    {.name = "-ea",
     .summary = "see whether a TPM 1.2 is active; exit status 129 if it\n"
                "will be so only after a reset",
     FLAG(ensure_activated)},
    {.name = "-cs", .summary = "let it test itself", FLAG(self_test)},
    {.name = "-u",
     .summary = "give up physical presence; of a TPM 2, the platform:\n"
                "its password becomes a random one",
     FLAG(give_up_presence)},
    {.name = "-v", .summary = "print the version", FLAG(version)},
    {.name = "-h", .summary = "print this", FLAG(help)},
};

enum { OPTION_COUNT = sizeof option_table / sizeof option_table[0] };

static int use_environment(struct endpoint *endpoint, struct error *error)
{
    const char *device = getenv("TPM_DEVICE");

    if (getenv("TCSD_USE_TCP_DEVICE") == NULL)
        return endpoint_set_device(
            endpoint, device != NULL && *device != '\0' ? device : DEFAULT_DEVICE, error);
    if (endpoint_set_host_and_port(endpoint, getenv("TCSD_TCP_DEVICE_HOSTNAME"),
                                   getenv("TCSD_TCP_DEVICE_PORT"), error) == 0)
        return 0;
    error_prefix(error, "TCSD_TCP_DEVICE_HOSTNAME or TCSD_TCP_DEVICE_PORT: ");
    return -1;
}

int options_parse(int argc, char **argv, struct options *options, struct error *error)
{
    *options = (struct options){.endpoint = {.default_port = DEFAULT_PORT}};
    if (command_line_parse(argc, argv, option_table, OPTION_COUNT, options, NULL, error) != 0)
        return -1;
    if (options->help || options->version || options->endpoint.kind != ENDPOINT_NONE)
        return 0;
    return use_environment(&options->endpoint, error);
}

void options_print_help(void)
{
    puts("usage: swtpm_bios [OPTION]...\n"
         "\n"
         "Sends a TPM what a BIOS sends: TPM_Startup (not with -n) and, to a TPM 1.2 and not with\n"
         "-o or -d, what enables and activates it.\n");
    command_line_print_options(stdout, option_table, OPTION_COUNT);
    puts("\n"
         "Exit status: 0 good, 128 the TPM answered with an error, 129 a reset is needed,\n"
         "255 the TPM cannot be talked to, 1 the command line is wrong.\n"
         "\n"
         "example: swtpm_bios --tpm2 --tpm-device /dev/vtpm0");
}
