/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/command_channel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/big_endian.h"
#include "util/file.h"

enum { SIZE_OFFSET = 2, RESULT_OFFSET = 6 };

/* What the response needs to have for its next step: a header first, then what that says. */
static size_t expected_size(const struct command_response *response)
{
    return response->size < COMMAND_CHANNEL_HEADER_SIZE
               ? COMMAND_CHANNEL_HEADER_SIZE
               : big_endian_get32(response->bytes + SIZE_OFFSET);
}

/* The size in the header may be wrong by any amount. */
static int check_size(const struct endpoint *endpoint, const struct command_response *response,
                      struct error *error)
{
    size_t expected = expected_size(response);

    if (response->size <= expected && expected <= sizeof response->bytes)
        return 0;
    error_set(error,
              "malformed response of %s: %zu bytes so far, but its header says %zu; is that "
              "a TPM's command channel?",
              endpoint->name, response->size, expected);
    return -1;
}

static int receive(int fd, const struct endpoint *endpoint, struct command_response *response,
                   struct error *error)
{
    response->size = 0;
    do {
        /* A device gives as much as there is room for, so there is room for more than expected. */
        ssize_t got =
            read(fd, response->bytes + response->size, sizeof response->bytes - response->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error_set(error,
                      "the response of %s is too short: %zu bytes, but %zu were expected: %s",
                      endpoint->name, response->size, expected_size(response),
                      got < 0 ? strerror(errno) : "the connection was closed");
            return -1;
        }
        response->size += (size_t)got;
        if (check_size(endpoint, response, error) != 0)
            return -1;
    } while (response->size < expected_size(response));
    response->result = big_endian_get32(response->bytes + RESULT_OFFSET);
    return 0;
}

static int exchange(int fd, const struct endpoint *endpoint, const void *command, size_t size,
                    struct command_response *response, struct error *error)
{
    if (file_write_all(fd, command, size) == 0)
        return receive(fd, endpoint, response, error);
    error_set(error, "cannot send a command to %s: %s%s", endpoint->name, strerror(errno),
              errno == EBUSY ? "; another program is using the TPM" : "");
    return -1;
}

int command_channel_exchange(const struct endpoint *endpoint, const void *command, size_t size,
                             struct command_response *response, struct error *error)
{
    int fd = endpoint_open(endpoint, error);

    if (fd < 0)
        return -1;
    int status = exchange(fd, endpoint, command, size, response, error);
    close(fd);
    return status;
}
