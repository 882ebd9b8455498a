/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

#include "bare_store.h"
#include "clock.h"
#include "response.h"
#include "util/big_endian.h"

struct message {
    uint32_t size;
    uint8_t bytes[BENCH_MESSAGE_MAX];
};

/* ------------------------------------------------------------------------- the ways to a TPM */

static ssize_t negated_errno(ssize_t result)
{
    return result < 0 ? -errno : result;
}

static ssize_t transmit_descriptor(int fd, const struct message *command, uint8_t *response)
{
    ssize_t result = write(fd, command->bytes, command->size);

    if (result >= 0)
        result = read(fd, response, BENCH_MESSAGE_MAX);
    return negated_errno(result);
}

static ssize_t transmit_fake(struct fake_file *file, const struct message *command,
                             uint8_t *response)
{
    ssize_t result = fake_write(file, command->bytes, command->size);

    return result >= 0 ? fake_read(file, response, BENCH_MESSAGE_MAX) : result;
}

/* What libtpms answered stays in its own memory, as in the daemon. */
static ssize_t process(struct message *command, uint8_t *response)
{
    static unsigned char *answer;
    static uint32_t size, capacity;

    if (TPMLIB_Process(&answer, &size, &capacity, command->bytes, command->size) != TPM_SUCCESS)
        return -EIO;
    if (size >= 10)
        memcpy(response, answer, 10);
    return (ssize_t)size;
}

static ssize_t transmit(const struct bench_client *client, struct message *command,
                        uint8_t *response)
{
    switch (client->way) {
    case BENCH_FAKE_KERNEL:
        return transmit_fake(client->file, command, response);
    case BENCH_DESCRIPTOR:
        return transmit_descriptor(client->fd, command, response);
    default:
        return process(command, response);
    }
}

static int transmit_checked(const struct bench_client *client, struct message *command,
                            uint32_t *response_size)
{
    uint8_t response[BENCH_MESSAGE_MAX];
    ssize_t size = transmit(client, command, response);

    *response_size = size > 0 ? (uint32_t)size : 0;
    return response_check(response, size);
}

static int control(const struct bench_client *client, uint32_t number, struct message *argument)
{
    if (client->way == BENCH_FAKE_KERNEL)
        return fake_ioctl(client->file, number, argument->bytes);
    if (client->way == BENCH_DESCRIPTOR)
        return (int)negated_errno(ioctl(client->fd, number, argument->bytes));
    return 0; /* a control call has no part in libtpms */
}

/* --------------------------------------------------------------------------------- repetitions */

static int load(struct message *message, const uint8_t *bytes, uint32_t size)
{
    if (size > sizeof message->bytes)
        return -E2BIG;
    memset(message->bytes, 0, sizeof message->bytes);
    if (size > 0)
        memcpy(message->bytes, bytes, size);
    message->size = size;
    return 0;
}

/* A number that no earlier repetition had, in any call of this process. */
static void count_up(struct message *message, uint32_t offset)
{
    static uint32_t counter;

    if (offset > 0 && offset + sizeof counter <= message->size)
        big_endian_put32(message->bytes + offset, ++counter);
}

static int clean_up(const struct bench_client *client, const struct bench_command *command)
{
    struct message message;
    uint32_t ignored;

    if (command->cleanup == NULL)
        return 0;
    int result = load(&message, command->cleanup, command->cleanup_size);
    return result != 0 ? result : transmit_checked(client, &message, &ignored);
}

int bench_run(const struct bench_client *client, const struct bench_command *command,
              unsigned count, uint64_t *nanoseconds, uint32_t *response_size)
{
    struct message message;
    int result = load(&message, command->bytes, command->size);

    for (unsigned i = 0; i < count && result == 0; i++) {
        count_up(&message, command->counter_offset);
        uint64_t start = clock_now();
        result = command->ioctl_number != 0
                     ? control(client, command->ioctl_number, &message)
                     : transmit_checked(client, &message, response_size);
        nanoseconds[i] = clock_now() - start;
        if (result == 0)
            result = clean_up(client, command);
    }
    return result;
}

int bench_bare_store(int directory_fd, uint32_t size, unsigned count, uint64_t *nanoseconds)
{
    static const uint8_t zeros[1 << 16];

    if (size > sizeof zeros)
        return -E2BIG;
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = clock_now();
        if (bare_store_dir(directory_fd, zeros, size, false) != 0)
            return -errno;
        nanoseconds[i] = clock_now() - start;
    }
    return 0;
}
