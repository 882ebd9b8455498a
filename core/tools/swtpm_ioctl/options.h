/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_IOCTL_OPTIONS_H
#define TOOLS_SWTPM_IOCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/swtpm_ioctl/commands.h"
#include "tools/transport/endpoint.h"
#include "util/error.h"

/* What the command line and the environment ask swtpm_ioctl to do. */
struct options {
    bool help;
    bool version;
    struct endpoint endpoint;
    const struct command *command; /* what to do; of static storage */
    const char *command_name;      /* its option */
    struct command_values values;
    size_t transfer_size; /* of SWTPM_IOCTL_BUFFERSIZE, in bytes; 0: not set */
};

/* Reads and checks all; nothing outside of the process is touched.  0, or -1 with a message that
 * names the option or variable and says what to do. */
int options_parse(int argc, char **argv, struct options *options, struct error *error);

/* Prints what --help shows on standard output. */
void options_print_help(void);

#endif
