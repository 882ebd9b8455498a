/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_OPTION_TABLE_H
#define DAEMON_OPTION_TABLE_H

#include <stddef.h>

#include "daemon/config.h"
#include "util/error.h"
#include "util/option_value.h"
#include "util/suboptions.h"

/*
 * Every option of swtpm_cuse (swtpm_cuse(8)).  This table drives the parser, --help and the
 * suggestion for an unknown option.
 */

enum option_group {
    OPTION_GROUP_DEVICE,
    OPTION_GROUP_TPM,
    OPTION_GROUP_STATE,
    OPTION_GROUP_KEYS,
    OPTION_GROUP_PROCESS,
    OPTION_GROUP_LOGGING,
    OPTION_GROUP_INFORMATION,
    OPTION_GROUP_COUNT
};

struct option_description {
    const char *name; /* as it is written, with two dashes */
    char short_name;  /* 0: none */
    enum option_group group;
    const char *summary; /* for --help: at most 52 characters */

    /* An option with a simple value, or with none; the offset is that within struct config. */
    struct option_value value;

    /* An option with sub-options.  Their offsets are those within struct config, unless `parse`
     * says otherwise. */
    const struct suboption_set *suboptions;

    /* What parses the argument, which is split in place and stays; NULL: the value or sub-options
     * above.  `option` is the name. */
    int (*parse)(const char *option, char *argument, struct config *config, struct error *error);
};

extern const struct option_description option_table[];
extern const size_t option_table_count;

/* Upper limit of option_table_count. */
#define OPTION_TABLE_MAX 40

/* Whether an argument has to follow the option. */
bool option_takes_argument(const struct option_description *option);

#endif
