/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/control_channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/transport/ptm_layout.h"
#include "util/file.h"

static int call(struct control_channel *channel, enum ptm_number number, void *argument,
                struct error *error)
{
    const struct ptm_layout *layout = ptm_layout_of(number);
    int status;

    /* A call that a signal took out of the queue had no effect (swtpm-ptm(4)). */
    do
        status = ioctl(channel->fd, layout->ioctl, argument);
    while (status < 0 && errno == EINTR);
    if (status >= 0)
        return 0;
    error_set(error, "%s on the device %s: %s%s", layout->name, channel->endpoint->name,
              strerror(errno),
              errno == ENOTTY || errno == EINVAL ? "; is it a device of swtpm_cuse that knows this "
                                                   "call?"
                                                 : "");
    return -1;
}

/* ------------------------------------------------------------------------------- fetching ----- */

static int read_rest(struct control_channel *channel, struct buffer *blob, size_t total,
                     struct error *error)
{
    while (blob->size < total) {
        size_t rest = total - blob->size;
        size_t size = rest < channel->transfer_size ? rest : channel->transfer_size;
        ssize_t got = read(channel->fd, blob->data + blob->size, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set(error,
                      "cannot read the state blob from the device %s, of which %zu bytes "
                      "are missing: %s",
                      channel->endpoint->name, rest, got < 0 ? strerror(errno) : "it ended early");
            return -1;
        }
        blob->size += (size_t)got;
    }
    return 0;
}

static int take_part(struct control_channel *channel, const union ptm_get_state *answer,
                     struct buffer *blob, struct error *error)
{
    if (answer->response.length > sizeof answer->response.data) {
        error_set(error,
                  "PTM_GET_STATEBLOB: the device %s announces a part of %u bytes, but %zu "
                  "are the most",
                  channel->endpoint->name, answer->response.length, sizeof answer->response.data);
        return -1;
    }
    if (buffer_append(blob, answer->response.data, answer->response.length) != 0) {
        error_set(error, "no memory for a state blob");
        return -1;
    }
    if (channel->transfer_size == 0)
        return 0;
    return read_rest(channel, blob, answer->response.total_length, error);
}

/* --------------------------------------------------------------------------------- giving ----- */

static int set_part(struct control_channel *channel, uint32_t type, const uint8_t *data,
                    size_t size, uint32_t *result, struct error *error)
{
    union ptm_set_state state = {.request = {.type = type, .length = (uint32_t)size}};

    if (size > 0)
        memcpy(state.request.data, data, size);
    int status = call(channel, PTM_NUMBER_SET_STATEBLOB, &state, error);
    if (status == 0)
        *result = state.response.result;
    explicit_bzero(&state, sizeof state);
    return status;
}

/* A part that is shorter than the longest possible one, if need be an empty one, ends the blob. */
static int set_by_parts(struct control_channel *channel, uint32_t type, const struct buffer *blob,
                        uint32_t *result, struct error *error)
{
    size_t offset = 0;
    size_t size;

    do {
        size_t rest = blob->size - offset;
        size = rest < PTM_STATE_BLOB_PART_MAX ? rest : PTM_STATE_BLOB_PART_MAX;
        const uint8_t *part = size > 0 ? blob->data + offset : NULL;
        if (set_part(channel, type, part, size, result, error) != 0)
            return -1;
        offset += size;
    } while (*result == 0 && size == PTM_STATE_BLOB_PART_MAX);
    return 0;
}

/* An empty part switches to write(2), another one back. */
static int set_by_writing(struct control_channel *channel, uint32_t type, const struct buffer *blob,
                          uint32_t *result, struct error *error)
{
    if (set_part(channel, type, NULL, 0, result, error) != 0)
        return -1;
    for (size_t offset = 0; *result == 0 && offset < blob->size;) {
        size_t rest = blob->size - offset;
        size_t size = rest < channel->transfer_size ? rest : channel->transfer_size;
        if (file_write_all(channel->fd, blob->data + offset, size) != 0) {
            error_set(error, "cannot write the state blob to the device %s: %s",
                      channel->endpoint->name, strerror(errno));
            return -1;
        }
        offset += size;
    }
    return *result != 0 ? 0 : set_part(channel, type, NULL, 0, result, error);
}

static int set_state(struct control_channel *channel, uint32_t type, const struct buffer *blob,
                     uint32_t *result, struct error *error)
{
    /* An empty first part of an empty blob would be taken for the switch to write(2). */
    bool by_writing = channel->transfer_size > 0 || blob->size == 0;

    return by_writing ? set_by_writing(channel, type, blob, result, error)
                      : set_by_parts(channel, type, blob, result, error);
}

const struct control_channel_operations control_device_operations = {
    .call = call,
    .take_part = take_part,
    .set_state = set_state,
    .blob_max = PTM_STATE_BLOB_MAX,
};
