/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "daemon/config.h"

/*
 * Serves one TPM on one device, from the options to the end of the process: the start-up order
 * (two lists of steps in daemon.c), the loop, and the way back.  Prints messages on standard error
 * until the device is ready, and into the log from then on.
 *
 * Returns the code to exit with (exit_code.h); in the parent of a daemon, once that is ready or has
 * failed.
 */
int daemon_run(const struct config *config);

#endif
