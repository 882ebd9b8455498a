/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/control_channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/transport/ptm_layout.h"
#include "util/big_endian.h"
#include "util/file.h"

enum {
    COMMAND_SIZE = 4, /* the call's number plus 1 */
    BLOB_MAX = 16 << 20
};

/* A request on its way out; HASH_DATA has the longest. */
struct message {
    uint8_t bytes[COMMAND_SIZE + sizeof(union ptm_hash_data)];
    size_t size;
};

/* --------------------------------------------------------------------------------- fields ----- */

/* Integers of 1, 4 or 8 bytes, in the structure and on the wire. */

static uint64_t load_field(const uint8_t *from, size_t width)
{
    uint32_t word;
    uint64_t long_word;

    switch (width) {
    case sizeof word:
        memcpy(&word, from, sizeof word);
        return word;
    case sizeof long_word:
        memcpy(&long_word, from, sizeof long_word);
        return long_word;
    default:
        return *from;
    }
}

static void store_field(uint8_t *to, size_t width, uint64_t value)
{
    uint32_t word = (uint32_t)value;

    switch (width) {
    case sizeof word:
        memcpy(to, &word, sizeof word);
        break;
    case sizeof value:
        memcpy(to, &value, sizeof value);
        break;
    default:
        *to = (uint8_t)value;
    }
}

static uint64_t get_big_endian(const uint8_t *from, size_t width)
{
    uint8_t widened[sizeof(uint64_t)] = {0};

    memcpy(widened + sizeof widened - width, from, width);
    return big_endian_get64(widened);
}

static void append_big_endian(struct message *message, size_t width, uint64_t value)
{
    uint8_t widened[sizeof value];

    big_endian_put64(widened, value);
    memcpy(message->bytes + message->size, widened + sizeof widened - width, width);
    message->size += width;
}

/* -------------------------------------------------------------------------------- sending ----- */

static void append_fields(struct message *message, const char *fields, const uint8_t *structure)
{
    size_t offset = 0;
    uint64_t value = 0;

    for (; *fields != '\0' && *fields != '*'; fields++) {
        size_t width = (size_t)(*fields - '0');
        offset = ptm_layout_align(offset, width);
        value = load_field(structure + offset, width);
        append_big_endian(message, width, value);
        offset += width;
    }
    if (*fields == '*') {
        memcpy(message->bytes + message->size, structure + offset, value);
        message->size += value;
    }
}

static int send_bytes(struct control_channel *channel, const char *name, const void *data,
                      size_t size, struct error *error)
{
    if (file_write_all(channel->fd, data, size) == 0)
        return 0;
    error_set(error, "cannot send %s to %s: %s", name, channel->endpoint->name, strerror(errno));
    return -1;
}

static int send_request(struct control_channel *channel, enum ptm_number number,
                        const void *argument, struct error *error)
{
    const struct ptm_layout *layout = ptm_layout_of(number);
    struct message message = {.size = 0};

    append_big_endian(&message, COMMAND_SIZE, number + UINT64_C(1));
    append_fields(&message, layout->request, argument);
    return send_bytes(channel, layout->name, message.bytes, message.size, error);
}

/* ------------------------------------------------------------------------------ receiving ----- */

static int receive_bytes(struct control_channel *channel, const char *name, void *to, size_t size,
                         struct error *error)
{
    uint8_t *at = to;
    size_t missing = size;

    while (missing > 0) {
        ssize_t got = read(channel->fd, at, missing);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set(error, "the answer of %s to %s is too short: %s", channel->endpoint->name,
                      name, got < 0 ? strerror(errno) : "the connection was closed");
            return -1;
        }
        at += got;
        missing -= (size_t)got;
    }
    return 0;
}

static int receive_field(struct control_channel *channel, const char *name, uint8_t *to,
                         size_t width, uint64_t *value, struct error *error)
{
    uint8_t bytes[sizeof(uint64_t)];

    if (receive_bytes(channel, name, bytes, width, error) != 0)
        return -1;
    *value = get_big_endian(bytes, width);
    store_field(to, width, *value);
    return 0;
}

static int receive_data(struct control_channel *channel, const struct ptm_layout *layout,
                        uint8_t *structure, size_t offset, uint64_t size, struct error *error)
{
    size_t room = _IOC_SIZE(layout->ioctl) - offset;

    if (size <= room)
        return receive_bytes(channel, layout->name, structure + offset, size, error);
    error_set(error, "%s announces %llu bytes in its answer to %s, but %zu are the most",
              channel->endpoint->name, (unsigned long long)size, layout->name, room);
    return -1;
}

/* After a result other than 0 some send the rest of the structure and some do not. */
static int receive_fields(struct control_channel *channel, const struct ptm_layout *layout,
                          uint8_t *structure, struct error *error)
{
    const char *fields = layout->response;
    size_t offset = 0;
    uint64_t value = 0;

    for (; *fields != '\0' && *fields != '*'; fields++) {
        size_t width = (size_t)(*fields - '0');
        offset = ptm_layout_align(offset, width);
        if (receive_field(channel, layout->name, structure + offset, width, &value, error) != 0)
            return -1;
        if (offset == 0 && width == sizeof(uint32_t) && value != 0)
            return 0;
        offset += width;
    }
    if (*fields == '\0')
        return 0;
    return receive_data(channel, layout, structure, offset, value, error);
}

/* What comes behind an answer, without having been asked for, belongs to no call: the other end
 * speaks another language. */
static int refuse_surplus(struct control_channel *channel, enum ptm_number number,
                          struct error *error)
{
    uint8_t byte;

    if (recv(channel->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) <= 0)
        return 0;
    error_set(error, "the answer of %s to %s is too long; is that a TPM's control channel?",
              channel->endpoint->name, ptm_layout_of(number)->name);
    return -1;
}

/* ---------------------------------------------------------------------------------- calls ----- */

static int exchange(struct control_channel *channel, enum ptm_number number, void *argument,
                    struct error *error)
{
    if (send_request(channel, number, argument, error) != 0)
        return -1;
    return receive_fields(channel, ptm_layout_of(number), argument, error);
}

/* Whether all of an answer has been received. */
static bool is_complete(enum ptm_number number, const void *argument)
{
    uint32_t result;

    if (number == PTM_NUMBER_GET_CAPABILITY)
        return true;
    memcpy(&result, argument, sizeof result);
    return result == 0 && number != PTM_NUMBER_GET_STATEBLOB;
}

static int call(struct control_channel *channel, enum ptm_number number, void *argument,
                struct error *error)
{
    if (exchange(channel, number, argument, error) != 0)
        return -1;
    return is_complete(number, argument) ? refuse_surplus(channel, number, error) : 0;
}

static int take_part(struct control_channel *channel, const union ptm_get_state *answer,
                     struct buffer *blob, struct error *error)
{
    size_t length = answer->response.length;

    if (length > 0 && receive_bytes(channel, ptm_layout_of(PTM_NUMBER_GET_STATEBLOB)->name,
                                    blob->data + blob->size, length, error) != 0)
        return -1;
    blob->size += length;
    return refuse_surplus(channel, PTM_NUMBER_GET_STATEBLOB, error);
}

/* The whole blob stands behind the request.  A TPM that refuses it may answer and close before it
 * has read all of it. */
static int set_state(struct control_channel *channel, uint32_t type, const struct buffer *blob,
                     uint32_t *result, struct error *error)
{
    const struct ptm_layout *layout = ptm_layout_of(PTM_NUMBER_SET_STATEBLOB);
    union ptm_set_state state = {.request = {.type = type, .length = (uint32_t)blob->size}};
    struct error send_error;

    if (send_request(channel, PTM_NUMBER_SET_STATEBLOB, &state, error) != 0)
        return -1;
    int sent = send_bytes(channel, layout->name, blob->data, blob->size, &send_error);
    int received = receive_fields(channel, layout, (uint8_t *)&state, error);
    *result = state.response.result;
    if (received == 0 && (sent == 0 || *result != 0))
        return *result != 0 ? 0 : refuse_surplus(channel, PTM_NUMBER_SET_STATEBLOB, error);
    if (sent != 0)
        *error = send_error;
    return -1;
}

const struct control_channel_operations control_socket_operations = {
    .call = call,
    .take_part = take_part,
    .set_state = set_state,
    .blob_max = BLOB_MAX,
};
