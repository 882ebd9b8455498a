/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_ioctl/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command_line.h"
#include "util/number.h"

#define TRANSFER_SIZE_VARIABLE "SWTPM_IOCTL_BUFFERSIZE"

enum { DEFAULT_PORT = 6546, LOCALITY_MAX = 4, TRANSFER_SIZE_MAX = 16 << 20 };

/* ---------------------------------------------------------------------------------- table ----- */

static command_line_take take_command, take_state_command;

#define COMMAND(...) .meaning = &(const struct command){__VA_ARGS__}
#define NUMBER(base, maximum, what)                                                                \
    .number_base = (base), .number_max = (maximum), .number_name = (what)
#define ENDPOINT .offset = offsetof(struct options, endpoint)

static const struct command_line_option option_table[] = {
    {.name = "--tpm-device",
     .values = "DEV",
     .summary = "the TPM is this device; it may also be the last argument",
     .take = command_line_set_device,
     ENDPOINT},
    {.name = "--tcp",
     .values = "[HOST]:[PORT]",
     .summary = "the TPM's control channel is there;\n"
                "127.0.0.1:6546 where something is left out",
     .take = command_line_set_tcp,
     ENDPOINT},
    {.name = "--unix",
     .values = "PATH",
     .summary = "the TPM's control channel is this socket",
     .take = command_line_set_unix,
     ENDPOINT},
    {.name = "-c",
     .summary = "print which control calls the TPM has",
     .take = take_command,
     COMMAND(.run = command_capability)},
    {.name = "-i",
     .summary = "initialise the TPM; a volatile state is resumed and then removed",
     .take = take_command,
     COMMAND(.run = command_init)},
    {.name = "--stop",
     .summary = "stop the TPM; its process goes on",
     .take = take_command,
     COMMAND(.run = command_plain, .call = PTM_NUMBER_STOP)},
    {.name = "-s",
     .summary = "shut down: stop the TPM and end its process",
     .take = take_command,
     COMMAND(.run = command_plain, .call = PTM_NUMBER_SHUTDOWN)},
    {.name = "-e",
     .summary = "print the tpmEstablished bit",
     .take = take_command,
     COMMAND(.run = command_established)},
    {.name = "-r",
     .values = "LOC",
     .summary = "reset the tpmEstablished bit in this locality; 3 and 4 may",
     .take = take_command,
     COMMAND(.run = command_locality, .call = PTM_NUMBER_RESET_TPMESTABLISHED,
             NUMBER(10, LOCALITY_MAX, "a locality"))},
    {.name = "-v",
     .summary = "store the volatile state",
     .take = take_command,
     COMMAND(.run = command_plain, .call = PTM_NUMBER_STORE_VOLATILE)},
    {.name = "-C",
     .summary = "cancel the TPM command that runs",
     .take = take_command,
     COMMAND(.run = command_plain, .call = PTM_NUMBER_CANCEL_TPM_CMD)},
    {.name = "-l",
     .values = "LOC",
     .summary = "set the locality of later TPM commands, 0 to 4",
     .take = take_command,
     COMMAND(.run = command_locality, .call = PTM_NUMBER_SET_LOCALITY,
             NUMBER(10, LOCALITY_MAX, "a locality"))},
    {.name = "-h",
     .values = "DATA",
     .summary = "hash the data, as at a late launch; - is standard input",
     .take = take_command,
     COMMAND(.run = command_hash)},
    {.name = "--save",
     .values = "TYPE FILE",
     .summary = "save a state blob to a file;\n"
                "TYPE is permanent, volatile or savestate",
     .take = take_state_command,
     COMMAND(.run = command_save)},
    {.name = "--load",
     .values = "TYPE FILE",
     .summary = "load a state blob from a file into a stopped TPM",
     .take = take_state_command,
     COMMAND(.run = command_load)},
    {.name = "-g",
     .summary = "print which keys are in use",
     .take = take_command,
     COMMAND(.run = command_config)},
    {.name = "-b",
     .values = "SIZE",
     .summary = "set the size of the TPM's buffer, 0: keep it; print the sizes",
     .take = take_command,
     COMMAND(.run = command_buffer_size, NUMBER(10, UINT32_MAX, "a size in bytes"))},
    {.name = "--info",
     .values = "FLAGS",
     .summary = "print what the TPM says of itself as JSON; decimal or 0x...",
     .take = take_command,
     COMMAND(.run = command_info, NUMBER(0, UINT64_MAX, "a number of flags"))},
    {.name = "--lock-storage",
     .values = "N",
     .summary = "lock the storage again, with N retries, 10 ms apart",
     .take = take_command,
     COMMAND(.run = command_lock_storage, NUMBER(10, UINT32_MAX, "a number of retries"))},
    {.name = "--version",
     .summary = "print the version",
     .take = command_line_set_flag,
     .offset = offsetof(struct options, version)},
    {.name = "--help",
     .summary = "print this",
     .take = command_line_set_flag,
     .offset = offsetof(struct options, help)},
};

enum { OPTION_COUNT = sizeof option_table / sizeof option_table[0] };

/* --------------------------------------------------------------------------------- taking ----- */

static int parse_number(const struct command *command, const char *text, uint64_t *number,
                        struct error *error)
{
    if (number_parse(text, command->number_base, command->number_max, number) == 0)
        return 0;
    error_set(error, "'%s' is not %s; give a number from 0 to %" PRIu64, text, command->number_name,
              command->number_max);
    return -1;
}

static int take_command(void *target, const struct command_line_option *option,
                        const char *const *values, struct error *error)
{
    struct options *options = target;

    if (options->command != NULL) {
        error_set(error, "%s was given as well; give one command", options->command_name);
        return -1;
    }
    options->command = option->meaning;
    options->command_name = option->name;
    options->values.text = values[0];
    if (options->command->number_name == NULL)
        return 0;
    return parse_number(options->command, values[0], &options->values.number, error);
}

static int parse_state_type(const char *name, uint32_t *type, struct error *error)
{
    static const char *const names[] = {
        [PTM_BLOB_TYPE_PERMANENT] = "permanent",
        [PTM_BLOB_TYPE_VOLATILE] = "volatile",
        [PTM_BLOB_TYPE_SAVESTATE] = "savestate",
    };

    for (uint32_t i = PTM_BLOB_TYPE_PERMANENT; i <= PTM_BLOB_TYPE_SAVESTATE; i++)
        if (strcmp(name, names[i]) == 0) {
            *type = i;
            return 0;
        }
    error_set(error, "'%s' is no type of state; give permanent, volatile or savestate", name);
    return -1;
}

static int take_state_command(void *target, const struct command_line_option *option,
                              const char *const *values, struct error *error)
{
    struct options *options = target;

    if (parse_state_type(values[0], &options->values.state_type, error) != 0)
        return -1;
    return take_command(target, option, values + 1, error);
}

/* ------------------------------------------------------------------------------- checking ----- */

static int use_environment(struct options *options, struct error *error)
{
    const char *text = getenv(TRANSFER_SIZE_VARIABLE);
    uint64_t size = 0;

    if (text == NULL || *text == '\0')
        return 0;
    if (number_parse(text, 10, TRANSFER_SIZE_MAX, &size) != 0) {
        error_set(error,
                  "the environment variable " TRANSFER_SIZE_VARIABLE " is '%s'; give a "
                  "number of bytes up to %d, or unset it",
                  text, TRANSFER_SIZE_MAX);
        return -1;
    }
    options->transfer_size = size;
    return 0;
}

static int check(const struct options *options, struct error *error)
{
    if (options->command == NULL) {
        error_set(error, "no command; --help lists the commands");
        return -1;
    }
    if (options->endpoint.kind == ENDPOINT_NONE) {
        error_set(error, "no TPM; give its device as the last argument, or --tcp or --unix");
        return -1;
    }
    return 0;
}

int options_parse(int argc, char **argv, struct options *options, struct error *error)
{
    const char *device = NULL;

    *options = (struct options){.endpoint = {.default_port = DEFAULT_PORT}};
    if (command_line_parse(argc, argv, option_table, OPTION_COUNT, options, &device, error) != 0)
        return -1;
    if (options->help || options->version)
        return 0;
    if (device != NULL && endpoint_set_device(&options->endpoint, device, error) != 0)
        return -1;
    if (check(options, error) != 0)
        return -1;
    return use_environment(options, error);
}

void options_print_help(void)
{
    puts("usage: swtpm_ioctl COMMAND DEV\n"
         "       swtpm_ioctl COMMAND {--tpm-device DEV | --tcp [HOST]:[PORT] | --unix PATH}\n"
         "\n"
         "Controls a TPM of swtpm_cuse by its device, or one of swtpm by its control channel.\n");
    command_line_print_options(stdout, option_table, OPTION_COUNT);
    puts("\nexample: swtpm_ioctl -i /dev/vtpm0");
}
