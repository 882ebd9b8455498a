/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_STATE_COMMANDS_H
#define TOOLS_SWTPM_STATE_COMMANDS_H

#include "tools/swtpm_state/keys.h"
#include "tools/swtpm_state/options.h"
#include "tools/swtpm_state/place.h"
#include "util/error.h"

/* What swtpm-state does. */

struct command_context {
    const struct options *options;
    enum tpm_version version;
    const struct keys *keys;
    struct place *place;       /* of --tpmstate; open, but for list */
    struct place *destination; /* of --to, open; NULL for all but copy */
};

/* 0, or -1 with a message. */
typedef int command_run(const struct command_context *context, struct error *error);

struct command {
    const char *name;
    command_run *run;
    enum place_use use; /* of --tpmstate */
};

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* Checks that the command has what it needs and that no option is given that it does not know.
 * 0, or -1 with a message. */
int command_check(const struct command *command, const struct options *options,
                  struct error *error);

command_run command_list, command_verify, command_rekey, command_export, command_import,
    command_copy;

#endif
