/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_IOCTL_COMMANDS_H
#define TOOLS_SWTPM_IOCTL_COMMANDS_H

#include <stdint.h>

#include "tools/transport/control_channel.h"
#include "util/error.h"

/*
 * What swtpm_ioctl can tell a TPM.  Its output is that of Debian's swtpm_ioctl to the byte, since
 * scripts parse it.
 */

enum command_status {
    COMMAND_DONE = 0,
    COMMAND_FAILED = -1, /* `error` has a message of this program */
    COMMAND_REFUSED = 1  /* `error` has the line that tells the TPM's result */
};

/* The values of a command's option. */
struct command_values {
    uint64_t number;     /* of -l, -r, -b, --info and --lock-storage */
    uint32_t state_type; /* PTM_BLOB_TYPE_… of --save and --load */
    const char *text;    /* the data of -h, the file of --save and --load */
};

struct command;

/* One command being carried out. */
struct command_context {
    struct control_channel *channel;
    const struct command *command;
    const struct command_values *values;
    struct error *error;
};

/* Runs a command and prints what there is to print on standard output. */
typedef enum command_status command_run(const struct command_context *context);

/* What an option stands for. */
struct command {
    command_run *run;
    enum ptm_number call; /* for functions that several commands share */
    /* The value that is a number: its base as for number_parse, its maximum, what it is called in
     * messages; without a name no value is a number. */
    int number_base;
    uint64_t number_max;
    const char *number_name;
};

command_run command_plain; /* a call without values and without output */
command_run command_capability;
command_run command_init;
command_run command_established;
command_run command_locality; /* SET_LOCALITY, RESET_TPMESTABLISHED */
command_run command_hash;
command_run command_save;
command_run command_load;
command_run command_config;
command_run command_buffer_size;
command_run command_info;
command_run command_lock_storage;

#endif
