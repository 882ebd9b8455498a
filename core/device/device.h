/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/*
 * The character device /dev/NAME: CUSE by libfuse, served by one loop.  What each call of a client
 * does is said in session.h.
 *
 * The TPM must be configured and the worker started before device_serve.  All functions belong to
 * the loop's thread, but for device_wake.
 */

struct device;

struct device_parameters {
    const char *name;         /* without "/dev/"; borrowed until device_make returns */
    unsigned major;           /* 0: the kernel picks */
    unsigned minor;
    int channel_fd;           /* an open CUSE channel; owned by the device, from device_new on */
};

/* Opens /dev/cuse.  The descriptor, or -1 with a message. */
int device_open_channel(struct error *error);

/* Prepares what device_make needs; makes nothing visible.  0, or -1 with a message (the channel is
 * closed then). */
int device_new(const struct device_parameters *parameters, struct device **device,
               struct error *error);

/* Makes the device: answers the kernel's CUSE_INIT.  When it returns 0, a client can open it. */
int device_make(struct device *device, struct error *error);

/* Why device_serve came back. */
enum device_event {
    DEVICE_SHUT_DOWN, /* a client sent SHUTDOWN and has its answer; the TPM is stopped */
    DEVICE_WOKEN,     /* device_wake was called */
    DEVICE_GONE,      /* the channel was closed at the other end */
    DEVICE_FAILED     /* the channel cannot be read any more; the log says why */
};

/* Serves clients until something happens. */
enum device_event device_serve(struct device *device);

/* Makes device_serve return DEVICE_WOKEN soon.  Async-signal-safe; to be called on the loop's
 * thread, which is where signals are delivered. */
void device_wake(struct device *device);

/* Waits for a running command to end and answers whoever waits for it. */
void device_finish_command(struct device *device);

/* Closes the channel: /dev/NAME disappears, whoever has it open gets ENOTCONN.  NULL is allowed. */
void device_free(struct device *device);

#endif
