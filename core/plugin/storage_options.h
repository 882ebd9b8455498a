/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_STORAGE_OPTIONS_H
#define PLUGIN_STORAGE_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/suboptions.h"

/* The sub-options of --tpmstate (swtpm_cuse(8)), for the daemon and the tools. */
extern const struct suboption_set storage_suboptions;

struct storage_options {
    const char *plugin;   /* "dir", or the scheme of backend-uri=; NULL: no place was given */
    const char *location; /* as storage_parameters.location; NULL likewise */
    mode_t mode;          /* of new files, at most 0777 */
    bool lock;
    bool backup;
    bool durable; /* fsync= */
};

/* What holds where --tpmstate was not given, and for sub-options that were not. */
extern const struct storage_options storage_options_default;

/* Parses the argument of --tpmstate.  `text` is split in place and borrowed for as long as
 * `options` is used.  That no place is named is no error here.  0, or -1 with a message. */
int storage_options_parse(const char *option, char *text, struct storage_options *options,
                          struct error *error);

/* Where no place was named, takes the directory of the environment variable TPM_PATH, if it is set
 * and not empty.  Borrows from the environment. */
void storage_options_use_environment(struct storage_options *options);

#endif
