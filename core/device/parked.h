/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_PARKED_H
#define DEVICE_PARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "device/fuse.h"
#include "device/session.h"

/*
 * Requests that wait for the worker to become free: reads of a response that is not there yet, and
 * control calls.  First come, first served.  A request that the kernel interrupts is answered with
 * EINTR and leaves the queue.  The loop's thread only.
 *
 * Each is a thread of a client that waits, so that nothing but the system's limit of threads bounds
 * their number: no call takes longer for many.
 */

struct parked_request {
    TAILQ_ENTRY(parked_request) neighbours;
    struct parked_queue *queue;
    fuse_req_t request;
    struct session *session;
    size_t size;       /* a read: bytes wanted */
    unsigned command;  /* a control call: the ioctl number */
    size_t input_size; /* bytes of `input` */
    _Alignas(uint64_t) uint8_t input[];
};

TAILQ_HEAD(parked_queue, parked_request);

/* Makes an empty queue. */
void parked_init(struct parked_queue *queue);

/* Parks a request; `size` is that of `input`, which is copied, or with NULL what a read wants.
 * Without memory the request is answered with ENOMEM. */
void parked_add(struct parked_queue *queue, fuse_req_t request, struct session *session,
                unsigned command, const void *input, size_t size);

/* Takes the oldest request out: it can no longer be interrupted.  NULL if there is none.  The
 * caller answers it and calls parked_free. */
struct parked_request *parked_take(struct parked_queue *queue);

/* Wipes and frees what parked_take gave, which must have been answered. */
void parked_free(struct parked_request *parked);

#endif
