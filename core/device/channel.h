/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_CHANNEL_H
#define DEVICE_CHANNEL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "util/error.h"

/*
 * The CUSE channel as a source of requests that a signal handler can interrupt without a race.
 *
 * The loop blocks in read(2) itself, because a poll(2) before it would cost every command two more
 * system calls.  A plain EINTR would lose a signal that comes just before the read.  So the loop
 * reads from a duplicate of the channel's descriptor, and channel_wake puts the read end of an
 * empty pipe without writers in the duplicate's place: the read that comes next returns at once.
 */

/* Largest data of one write() request; the kernel splits what is larger (see CUSE_INIT). */
#define CHANNEL_WRITE_MAX (64 * 1024)

/* Room for one request: header, operation and data. */
#define CHANNEL_REQUEST_MAX (CHANNEL_WRITE_MAX + 4096)

struct channel {
    int fd;                           /* the CUSE channel; owned */
    int receive_fd;                   /* its duplicate, or the empty pipe's duplicate */
    int empty_pipe_fd;
    volatile sig_atomic_t woken;
    uint8_t *request; /* CHANNEL_REQUEST_MAX bytes, aligned to a page; owned */
};

enum channel_event {
    CHANNEL_REQUEST, /* *size bytes lie in channel->request */
    CHANNEL_EVENT,   /* the other descriptor is readable */
    CHANNEL_WOKEN,
    CHANNEL_CLOSED, /* at its other end */
    CHANNEL_FAILED  /* errno says why */
};

/* Takes the descriptor over, also on failure.  0, or -1 with a message. */
int channel_open(struct channel *channel, int fd, struct error *error);

/* Waits for a request; with `event_fd` not -1 also for that descriptor.  A message that is no whole
 * request, which no kernel sends (fuse(4): a header, whose `len` is that of the message), is
 * CHANNEL_FAILED with EPROTO, and the log says what came: what stands at the other end cannot be
 * relied on. */
enum channel_event channel_receive(struct channel *channel, int event_fd, size_t *size);

/* Wipes a request of that size, which may have held a password or state, once it is processed. */
void channel_wipe_request(struct channel *channel, size_t size);

/* Makes channel_receive return CHANNEL_WOKEN.  Async-signal-safe; on the receiving thread only. */
void channel_wake(struct channel *channel);

/*
 * Sends one reply, as writev(2) does: the bytes sent, or -1 with errno, which is ENOENT if nobody
 * waits for the reply any more (fuse(4)).  If the channel does not take it, whoever waits gets EIO.
 */
ssize_t channel_send(int fd, const struct iovec *vector, int count);

/* Whether the kernel has closed the channel. */
int channel_is_closed(const struct channel *channel);

/* Closes the channel and its duplicates, and frees the room for requests. */
void channel_close(struct channel *channel);

#endif
