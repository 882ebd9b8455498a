/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_DEVICE_NAME_H
#define DAEMON_DEVICE_NAME_H

#include "util/error.h"

/* Longest device name in bytes: NAME_MAX of the file system at /dev. */
#define DEVICE_NAME_MAX 255

/*
 * Drops a leading "/dev/" and checks the rest.  Refused are an empty name, "." and "..", one that
 * is too long or holds a '/', a '!' (which the kernel turns into a '/'), a control character, or
 * starts or ends with a blank (which the kernel cuts off).  Touches nothing outside.
 *
 * Returns a pointer into `argument`, or NULL with a message.
 */
const char *device_name_check(const char *argument, struct error *error);

/* Refuses a name whose /dev/NAME exists, whatever it is, and does not go within half a second; for
 * a device that is made by opening /dev/cuse.  0, or -1 with a message. */
int device_name_check_free(const char *name, struct error *error);

#endif
