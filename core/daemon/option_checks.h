/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_OPTION_CHECKS_H
#define DAEMON_OPTION_CHECKS_H

#include "daemon/config.h"
#include "util/error.h"

/* Refuses what one option alone cannot tell: mandatory options that are missing, and options that
 * contradict each other.  Replaces the device's name by that without "/dev/".  0, or -1 with a
 * message. */
int option_checks(struct config *config, struct error *error);

#endif
