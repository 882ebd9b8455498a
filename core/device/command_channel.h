/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_COMMAND_CHANNEL_H
#define DEVICE_COMMAND_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "device/fuse.h"
#include "device/parked.h"
#include "device/session.h"
#include "tpm/command.h"

/*
 * The command channel: who owns it, the command that runs, the response that waits (session.h).
 * The functions answer the requests that they are given, at once or later.  The loop's thread only.
 */

struct command_channel {
    struct session *owner;        /* NULL: free */
    bool running;                 /* a command is with the worker */
    /* What is unread of the last one; tpm_process owns the bytes, which are wiped when all has been
     * read or dropped. */
    struct swtpm_bytes response;
    struct parked_queue readers;  /* of the owner, while running; made with parked_init */

    /* The command with the worker, wiped when it has run; touched by the worker while it is busy. */
    uint8_t command[TPM_COMMAND_MAX];
    size_t command_size;
    fuse_req_t unanswered_write;  /* the write that waits for the storage lock, or NULL */
    bool write_interrupted;       /* it is to wait no longer */
    bool storage_unlocked;        /* the lock could not be had */
};

/* write() of a command.  False if it was refused: then nothing has changed. */
bool command_channel_write(struct command_channel *channel, fuse_req_t request,
                           struct session *session, struct swtpm_bytes command);

/* read() by a session that has no download under way. */
void command_channel_read(struct command_channel *channel, fuse_req_t request,
                          struct session *session, size_t size, bool nonblocking);

/* The events of poll(2) that hold for the session, as far as the channel decides. */
unsigned command_channel_poll(const struct command_channel *channel, const struct session *session);

/* The session closes. */
void command_channel_leave(struct command_channel *channel, const struct session *session);

#endif
