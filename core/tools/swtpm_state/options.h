/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_OPTIONS_H
#define TOOLS_SWTPM_STATE_OPTIONS_H

#include <stdbool.h>

#include "state/state_name.h"
#include "util/error.h"

/* What the command line asks swtpm-state to do.  Strings point into argv; NULL: not given. */
struct options {
    bool help;
    bool version;
    const char *command; /* "list", "verify", … */
    bool tpm2;
    const char *place;       /* --tpmstate */
    const char *destination; /* --to, of copy */
    const char *key;
    const char *new_key; /* of rekey */
    const char *migration_key;
    const char *files[STATE_SAVE + 1]; /* state blobs, by enum state_type; "-": a stream */
    bool decrypted; /* export: the state in the blob is not encrypted with --key */
    bool replace;   /* import, copy: the TPM that is there goes */
    const char *crypto;
    const char *plugin_directory;
    const char *run_as;
};

/* Reads the command line; nothing outside of the process is touched.  0, or -1 with a message that
 * names the option and says what to do. */
int options_parse(int argc, char **argv, struct options *options, struct error *error);

/* Prints what --help shows on standard output. */
void options_print_help(void);

#endif
