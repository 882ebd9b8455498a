/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_PATH_TRUST_H
#define PLUGIN_PATH_TRUST_H

#include <stdbool.h>

#include "util/error.h"

/*
 * Who could have put a plugin where it was found, or could exchange it now.  A look at the last
 * component alone proves nothing: whoever may write to a directory above it can replace the whole
 * branch.
 */

/* Whether this process has more rights than the user who started it may hand to others: it runs as
 * root, or with file capabilities or a set-user-ID bit (AT_SECURE of getauxval(3)). */
bool path_trust_is_needed(void);

/*
 * Checks that every component of `real_path`, from "/" to the last, belongs to root and is writable
 * by nobody else; a sticky directory such as /tmp does not pass.  `real_path` is a result of
 * realpath(3); a link in it means that it changed since.  0, or -1 with a message that names the
 * component.
 */
int path_trust_check(const char *real_path, struct error *error);

#endif
