/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_TRANSPORT_COMMAND_CHANNEL_H
#define TOOLS_TRANSPORT_COMMAND_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "tools/transport/endpoint.h"
#include "util/error.h"

/*
 * A TPM's command channel: commands and responses of the TPM specifications, as they are, on a
 * device or over a socket.
 */

/* Of commands and responses: tag, size, ordinal or result (TPM 2.0 Part 1 §18.1). */
#define COMMAND_CHANNEL_HEADER_SIZE 10

/* Largest response, in bytes (libtpms, TPMPROP_TPM_BUFFER_MAX). */
#define COMMAND_CHANNEL_RESPONSE_MAX 4096

struct command_response {
    uint8_t bytes[COMMAND_CHANNEL_RESPONSE_MAX];
    size_t size;     /* bytes in use: at least those of a header, and what the header says */
    uint32_t result; /* 0: success */
};

/* Sends one whole command and receives its response, on a connection of their own, since some TPMs
 * hang up after each response.  0 when the TPM has answered, whatever its answer was; -1 with a
 * message that names the endpoint if it could not be reached or sent no well-formed response. */
int command_channel_exchange(const struct endpoint *endpoint, const void *command, size_t size,
                             struct command_response *response, struct error *error);

#endif
