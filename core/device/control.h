/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_CONTROL_H
#define DEVICE_CONTROL_H

#include <stdbool.h>

#include "device/fuse.h"
#include "device/parked.h"
#include "device/session.h"

/*
 * The control interface: one handler for each ioctl (swtpm-ptm(4)).  Requests are answered at once,
 * or parked until the worker is free.  The loop's thread only.
 */

struct control {
    struct parked_queue waiting; /* made with parked_init */
    bool shut_down;           /* a client sent SHUTDOWN and has its answer */
    fuse_req_t job_request;   /* what the worker does: INIT or LOCK_STORAGE */
    uint32_t job_argument;    /* flags of INIT, retries of LOCK_STORAGE */
    uint32_t job_result;
    bool job_interrupted;     /* LOCK_STORAGE is to wait no longer */
};

/* ioctl() of any number.  `input` and `input_size`: what the kernel copied in; `output_size`: how
 * much it would copy out. */
void control_call(struct control *control, fuse_req_t request, struct session *session,
                  unsigned command, const void *input, size_t input_size, size_t output_size);

/* Runs what waits, as long as the worker is free. */
void control_run_waiting(struct control *control);

/* Answers what waits with ENOTCONN: the process ends. */
void control_refuse_waiting(struct control *control);

#endif
