/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_OPTIONS_H
#define STATE_KEY_OPTIONS_H

#include "state/key.h"
#include "util/error.h"
#include "util/suboptions.h"

/* The sub-options of --key and --migration-key (swtpm_cuse(8)), for the daemon and the tools.  The
 * offsets are those of struct key_parameters. */
extern const struct suboption_set key_suboptions;
extern const struct suboption_set migration_key_suboptions;

/* What holds where an option was not given: no key, `option` is NULL. */
extern const struct key_parameters key_parameters_none;

/* Parses the argument of --key or --migration-key.  `option` is borrowed for as long as
 * `parameters` is used, and so is `text`, which is split in place.  0, or -1 with a message. */
int key_options_parse(const char *option, char *text, struct key_parameters *parameters,
                      struct error *error);
int migration_key_options_parse(const char *option, char *text, struct key_parameters *parameters,
                                struct error *error);

#endif
