/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_TRANSPORT_CONTROL_CHANNEL_H
#define TOOLS_TRANSPORT_CONTROL_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "swtpm_ptm.h"
#include "tools/transport/endpoint.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * A TPM's control channel, by ioctl(2) on a device or as messages over a socket.  For one thread.
 *
 * Each function returns 0 when the TPM has answered, whatever its answer was, or -1 with a message
 * that names the call and the endpoint: the TPM could not be reached, or what it said makes no
 * sense.  After -1, and after an answer with a result other than 0, the channel is good for nothing
 * but closing.
 */

struct control_channel;

/* What a kind of channel does in its own way; see the functions of the same name. */
struct control_channel_operations {
    int (*call)(struct control_channel *channel, enum ptm_number number, void *argument,
                struct error *error);
    /* Appends the bytes that belong to an answer to GET_STATEBLOB to `blob`, which has room for the
     * whole blob; may fetch what comes after them as well. */
    int (*take_part)(struct control_channel *channel, const union ptm_get_state *answer,
                     struct buffer *blob, struct error *error);
    int (*set_state)(struct control_channel *channel, uint32_t type, const struct buffer *blob,
                     uint32_t *result, struct error *error);
    size_t blob_max; /* bytes */
};

struct control_channel {
    const struct control_channel_operations *operations;
    const struct endpoint *endpoint; /* for its name */
    int fd;                          /* owned by the channel */
    size_t transfer_size;            /* see control_channel_open */
};

/* Opens the endpoint, which must outlive the channel.  With a `transfer_size` other than 0 a device
 * is asked to move state blobs by read(2) and write(2) of so many bytes, instead of by ioctl(2). */
int control_channel_open(struct control_channel *channel, const struct endpoint *endpoint,
                         size_t transfer_size, struct error *error);

/* Closes the device or hangs up. */
void control_channel_close(struct control_channel *channel);

/* Makes a call other than GET_STATEBLOB and SET_STATEBLOB.  `argument` is the structure that
 * swtpm_ptm.h has for it; the answer is stored over the request.  If its result is not 0, nothing
 * but the result is defined. */
int control_channel_call(struct control_channel *channel, enum ptm_number number, void *argument,
                         struct error *error);

/* Fetches a whole state blob (PTM_BLOB_TYPE_…), not encrypted with the state key, into the empty
 * buffer `blob`, and sets *result to the TPM's result; if that is not 0, the buffer is empty. */
int control_channel_get_state(struct control_channel *channel, uint32_t type, struct buffer *blob,
                              uint32_t *result, struct error *error);

/* Gives the TPM a whole state blob and sets *result to its result. */
int control_channel_set_state(struct control_channel *channel, uint32_t type,
                              const struct buffer *blob, uint32_t *result, struct error *error);

/* Most bytes that a state blob may have on this channel. */
size_t control_channel_blob_max(const struct control_channel *channel);

/* The kinds: control_device.c and control_socket.c. */
extern const struct control_channel_operations control_device_operations;
extern const struct control_channel_operations control_socket_operations;

#endif
