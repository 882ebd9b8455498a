/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_BIOS_OPTIONS_H
#define TOOLS_SWTPM_BIOS_OPTIONS_H

#include <stdbool.h>

#include "tools/transport/endpoint.h"
#include "util/error.h"

/* How the TPM is started; the last of -c, -s, -d and -n counts. */
enum startup {
    STARTUP_CLEAR,       /* -c, the default */
    STARTUP_STATE,       /* -s */
    STARTUP_DEACTIVATED, /* -d: TPM 1.2 only, a TPM 2 is not started then */
    STARTUP_NONE         /* -n */
};

/* What the command line and the environment ask swtpm_bios to do (swtpm_bios(8)). */
struct options {
    bool help;
    bool version;
    struct endpoint endpoint;
    bool tpm2;
    int startup;           /* enum startup */
    bool startup_only;     /* -o: no activation */
    bool ensure_activated; /* -ea */
    bool self_test;        /* -cs */
    bool give_up_presence; /* -u */
};

/* Reads and checks all; nothing outside of the process is touched.  0, or -1 with a message that
 * names the option or variable and says what to do. */
int options_parse(int argc, char **argv, struct options *options, struct error *error);

/* Prints what -h shows on standard output. */
void options_print_help(void);

#endif
