/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_PRINT_H
#define DAEMON_PRINT_H

#include <stdio.h>

#include "daemon/config.h"
#include "util/error.h"

/*
 * What the options print on standard output instead of serving a device.  JSON is
 * spaced as the original's, since scripts match it with regular expressions.
 */

/* Does what config->action says; the action is any but CONFIG_SERVE.  On failure nothing was
 * printed.  0, or -1 with a message. */
int print_requested(const struct config *config, struct error *error);

/* --print-capabilities: the verbs that this build, its plugins and its libtpms honour. */
int print_capabilities(const struct config *config, FILE *to, struct error *error);

/* --print-states: the states in the store, which is opened read-only. */
int print_states(const struct config *config, FILE *to, struct error *error);

#endif
