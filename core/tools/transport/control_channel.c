/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/control_channel.h"

#include <string.h>
#include <unistd.h>

int control_channel_open(struct control_channel *channel, const struct endpoint *endpoint,
                         size_t transfer_size, struct error *error)
{
    int fd = endpoint_open(endpoint, error);

    if (fd < 0)
        return -1;
    *channel = (struct control_channel){
        .operations = endpoint->kind == ENDPOINT_DEVICE ? &control_device_operations
                                                        : &control_socket_operations,
        .endpoint = endpoint,
        .fd = fd,
        .transfer_size = transfer_size,
    };
    return 0;
}

void control_channel_close(struct control_channel *channel)
{
    close(channel->fd);
    channel->fd = -1;
}

int control_channel_call(struct control_channel *channel, enum ptm_number number, void *argument,
                         struct error *error)
{
    return channel->operations->call(channel, number, argument, error);
}

/* Checks what was answered about a blob of which `blob` holds the part before, and makes room for
 * the whole of it. */
static int prepare_part(const struct control_channel *channel, const union ptm_get_state *answer,
                        struct buffer *blob, struct error *error)
{
    size_t total = answer->response.total_length;
    size_t length = answer->response.length;

    if (total > channel->operations->blob_max) {
        error_set(error,
                  "PTM_GET_STATEBLOB: the TPM at %s announces a state blob of %zu bytes, but "
                  "%zu are the most",
                  channel->endpoint->name, total, channel->operations->blob_max);
        return -1;
    }
    if (blob->size > total || length > total - blob->size || (length == 0 && blob->size < total)) {
        error_set(error,
                  "PTM_GET_STATEBLOB: the TPM at %s sends %zu bytes from offset %zu of a "
                  "state blob of %zu bytes; if the state changed meanwhile, try again",
                  channel->endpoint->name, length, blob->size, total);
        return -1;
    }
    if (buffer_reserve(blob, total) == 0)
        return 0;
    error_set(error, "no memory for a state blob of %zu bytes", total);
    return -1;
}

/* One call from where `blob` ends; *total is the size of the whole. */
static int get_part(struct control_channel *channel, uint32_t type, struct buffer *blob,
                    size_t *total, uint32_t *result, struct error *error)
{
    union ptm_get_state state = {.request = {.state_flags = PTM_STATE_FLAG_DECRYPTED,
                                             .type = type,
                                             .offset = (uint32_t)blob->size}};

    int status = control_channel_call(channel, PTM_NUMBER_GET_STATEBLOB, &state, error);
    if (status != 0)
        return status;
    *result = state.response.result;
    *total = state.response.total_length;
    if (*result == 0)
        status = prepare_part(channel, &state, blob, error);
    if (*result == 0 && status == 0)
        status = channel->operations->take_part(channel, &state, blob, error);
    explicit_bzero(&state, sizeof state);
    return status;
}

int control_channel_get_state(struct control_channel *channel, uint32_t type, struct buffer *blob,
                              uint32_t *result, struct error *error)
{
    size_t total = 0;
    int status;

    do
        status = get_part(channel, type, blob, &total, result, error);
    while (status == 0 && *result == 0 && blob->size < total);
    if (status != 0 || *result != 0)
        buffer_clear(blob);
    return status;
}

int control_channel_set_state(struct control_channel *channel, uint32_t type,
                              const struct buffer *blob, uint32_t *result, struct error *error)
{
    return channel->operations->set_state(channel, type, blob, result, error);
}

size_t control_channel_blob_max(const struct control_channel *channel)
{
    return channel->operations->blob_max;
}
