/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>

#include "device/device.h"

/*
 * Signals (swtpm_cuse(8), SIGNALS): SIGTERM and SIGINT end the process as SHUTDOWN does, SIGHUP
 * opens the log again, SIGPIPE and SIGXFSZ are ignored.  The handlers only note the signal and wake
 * the loop.
 */

/* From now on a write into a pipe without a reader (a log, a capture) fails with EPIPE, and one
 * beyond the limit for the size of files (setrlimit(2), RLIMIT_FSIZE) with EFBIG. */
void signals_ignore_failed_writes(void);

/* Installs the handlers, which wake `device` from now on. */
void signals_watch(struct device *device);

/* From now on no device is woken. */
void signals_forget_device(void);

/* Whether the process was asked to end. */
bool signals_ask_for_end(void);

/* Whether SIGHUP came since the last call. */
bool signals_take_hangup(void);

#endif
