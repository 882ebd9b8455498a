/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "util/error.h"

/*
 * Telling the service manager how we are: the protocol of sd_notify(3), one datagram of
 * newline-separated assignments to the socket named by $NOTIFY_SOCKET.
 *
 * The socket is opened while its path can still be reached, that is before --chroot, and used by
 * write(2) alone, so that the closed sandbox needs no socket call.  For a message from a process
 * that is not the unit's main one, the unit needs NotifyAccess=all.
 */

/* Connects to $NOTIFY_SOCKET: an absolute path, or '@' and an abstract name.  *fd is -1 if the
 * variable is not set; otherwise the caller closes it.  0, or -1 with a message. */
int notify_open(int *fd, struct error *error);

/* "READY=1" with this process as MAINPID= and `status` as STATUS= (one line, at most 200 bytes are
 * kept).  Does nothing with fd -1.  0, or -1 with a message. */
int notify_ready(int fd, const char *status, struct error *error);

/* "STOPPING=1".  Does nothing with fd -1.  0, or -1 with a message. */
int notify_stopping(int fd, struct error *error);

#endif
