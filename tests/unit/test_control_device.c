/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/transport/control_channel.h"
#include "wiped_memory.h"

/*
 * A device that moves state blobs as swtpm-ptm(4) says.  The linker puts __wrap_ioctl in the place
 * of ioctl(2); behind the descriptor is a pipe, from or to the device.
 */

enum { BLOB_SIZE = 10000 };

static struct {
    int other_end; /* of the pipe; -1: none */
    uint8_t blob[BLOB_SIZE];
    size_t size;         /* of the blob that is given, or taken so far */
    size_t announced;    /* more than `size`: the device lies */
    uint32_t result;     /* of every call */
    int error;           /* errno of every call, 0: none; EINTR: of the first one */
    size_t calls;        /* made so far */
    bool complete;       /* the last part was given */
    size_t wrong_length; /* not 0: what the length of a part is said to be */
} device;

static int give_part(union ptm_get_state *state)
{
    size_t offset = state->request.offset;
    size_t rest = device.size - offset;
    size_t length = rest < PTM_STATE_BLOB_PART_MAX ? rest : PTM_STATE_BLOB_PART_MAX;

    assert_int_equal(state->request.state_flags, PTM_STATE_FLAG_DECRYPTED);
    assert_int_equal(state->request.type, PTM_BLOB_TYPE_VOLATILE);
    assert_in_range(offset, 0, device.size);
    *state = (union ptm_get_state){.response = {.result = device.result,
                                                .total_length = (uint32_t)device.announced,
                                                .length = (uint32_t)length}};
    memcpy(state->response.data, device.blob + offset, length);
    if (device.wrong_length > 0)
        state->response.length = (uint32_t)device.wrong_length;
    if (device.other_end >= 0 && offset == 0)
        assert_int_equal(write(device.other_end, device.blob + length, rest - length),
                         rest - length);
    return 0;
}

/* With a pipe: the first part is empty, the bytes come by write(2), and so does the end. */
static int take_part(union ptm_set_state *state)
{
    size_t length = state->request.length;

    assert_int_equal(state->request.type, PTM_BLOB_TYPE_VOLATILE);
    assert_false(device.complete);
    if (device.other_end >= 0 && device.calls == 2 && length == 0) {
        ssize_t got = read(device.other_end, device.blob, sizeof device.blob);
        device.size = got > 0 ? (size_t)got : 0;
    }
    assert_in_range(length, 0, sizeof device.blob - device.size);
    memcpy(device.blob + device.size, state->request.data, length);
    device.size += length;
    device.complete = length < PTM_STATE_BLOB_PART_MAX && !(device.calls == 1 && length == 0);
    state->response.result = device.result;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *argument);

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    (void)fd;
    device.calls++;
    if (device.error != 0) {
        errno = device.error;
        device.error = device.error == EINTR ? 0 : device.error;
        return -1;
    }
    if (request == PTM_GET_STATEBLOB)
        return give_part(argument);
    if (request == PTM_SET_STATEBLOB)
        return take_part(argument);
    ((struct ptm_result *)argument)->result = device.result;
    return 0;
}

static const struct endpoint endpoint = {.kind = ENDPOINT_DEVICE, .name = "'/dev/fake'"};

enum direction { FROM_DEVICE, TO_DEVICE };

/* A channel to the device, which holds or expects a blob of so many bytes. */
static struct control_channel connect_device(enum direction direction, size_t size,
                                             size_t transfer_size)
{
    struct control_channel channel = {
        .operations = &control_device_operations,
        .endpoint = &endpoint,
        .fd = -1,
        .transfer_size = transfer_size,
    };

    memset(&device, 0, sizeof device);
    device.other_end = -1;
    device.size = device.announced = size;
    for (size_t i = 0; i < size; i++)
        device.blob[i] = (uint8_t)(i * 7 + i / 256);
    if (transfer_size > 0) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        channel.fd = ends[direction];
        device.other_end = ends[!direction];
    }
    return channel;
}

static void disconnect_device(struct control_channel *channel)
{
    if (device.other_end >= 0)
        close(device.other_end);
    if (channel->fd >= 0)
        control_channel_close(channel);
}

static const size_t sizes[] = {0,
                               1,
                               PTM_STATE_BLOB_PART_MAX - 1,
                               PTM_STATE_BLOB_PART_MAX,
                               PTM_STATE_BLOB_PART_MAX + 1,
                               2 * PTM_STATE_BLOB_PART_MAX,
                               BLOB_SIZE};
static const size_t transfer_sizes[] = {0, 1, 1000, PTM_STATE_BLOB_PART_MAX, 100000};

enum {
    SIZES = sizeof sizes / sizeof sizes[0],
    TRANSFER_SIZES = sizeof transfer_sizes / sizeof transfer_sizes[0]
};

static void a_blob_is_fetched_whole_by_calls_and_by_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES * TRANSFER_SIZES; i++) {
        struct control_channel channel =
            connect_device(FROM_DEVICE, sizes[i % SIZES], transfer_sizes[i / SIZES]);
        struct buffer blob = {0};
        struct error error;
        uint32_t result = 1;

        assert_int_equal(
            control_channel_get_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
        assert_int_equal(result, 0);
        assert_int_equal(blob.size, device.size);
        if (blob.size > 0)
            assert_memory_equal(blob.data, device.blob, blob.size);
        if (channel.transfer_size > 0)
            assert_int_equal(device.calls, 1);
        buffer_free(&blob);
        disconnect_device(&channel);
    }
}

static void a_blob_is_given_whole_by_calls_and_by_writing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES * TRANSFER_SIZES; i++) {
        struct control_channel channel =
            connect_device(TO_DEVICE, sizes[i % SIZES], transfer_sizes[i / SIZES]);
        struct buffer blob = {0};
        struct error error;
        uint32_t result = 1;

        assert_int_equal(buffer_append(&blob, device.blob, device.size), 0);
        device.size = 0;
        memset(device.blob, 0, sizeof device.blob);
        assert_int_equal(
            control_channel_set_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
        assert_int_equal(result, 0);
        assert_true(device.complete);
        assert_int_equal(device.size, blob.size);
        if (blob.size > 0)
            assert_memory_equal(device.blob, blob.data, blob.size);
        if (channel.transfer_size > 0)
            assert_int_equal(device.calls, 2);
        buffer_free(&blob);
        disconnect_device(&channel);
    }
}

static void a_result_ends_the_transfer(void **state)
{
    struct buffer blob = {0};
    struct error error;
    uint32_t result = 0;

    (void)state;
    struct control_channel channel = connect_device(FROM_DEVICE, BLOB_SIZE, 0);
    device.result = 0xa;
    assert_int_equal(
        control_channel_get_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
    assert_int_equal(result, 0xa);
    assert_int_equal(blob.size, 0);

    channel = connect_device(TO_DEVICE, 0, 0);
    device.result = 0xa;
    static const uint8_t data[2 * PTM_STATE_BLOB_PART_MAX];
    assert_int_equal(buffer_append(&blob, data, sizeof data), 0);
    assert_int_equal(
        control_channel_set_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
    assert_int_equal(result, 0xa);
    assert_int_equal(device.calls, 1);
    buffer_free(&blob);
}

static void expect_failure(struct control_channel *channel, const char *wanted)
{
    struct buffer blob = {0};
    struct error error;
    uint32_t result = 0;

    assert_int_equal(
        control_channel_get_state(channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), -1);
    assert_int_equal(blob.size, 0);
    assert_non_null(strstr(error.text, "/dev/fake"));
    assert_non_null(strstr(error.text, wanted));
    buffer_free(&blob);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    struct control_channel channel = connect_device(FROM_DEVICE, BLOB_SIZE, 0);
    device.announced = PTM_STATE_BLOB_MAX + 1;
    expect_failure(&channel, "524289 bytes");

    channel = connect_device(FROM_DEVICE, BLOB_SIZE, 0);
    device.wrong_length = PTM_STATE_BLOB_PART_MAX + 1;
    expect_failure(&channel, "3073 bytes");

    channel = connect_device(FROM_DEVICE, 100, 0);
    device.announced = 99;
    expect_failure(&channel, "99 bytes");

    channel = connect_device(FROM_DEVICE, 100, 0);
    device.announced = 101;
    expect_failure(&channel, "101 bytes");
}

static void a_device_that_ends_early_is_an_error(void **state)
{
    (void)state;
    struct control_channel channel = connect_device(FROM_DEVICE, BLOB_SIZE, 500);
    device.announced = BLOB_SIZE + 1;
    close(device.other_end);
    device.other_end = -1;
    expect_failure(&channel, "ended early");
    disconnect_device(&channel);
}

static void errors_of_the_call_are_told_with_its_name(void **state)
{
    struct ptm_result answer;
    struct error error;

    (void)state;
    struct control_channel channel = connect_device(FROM_DEVICE, 0, 0);
    device.error = ENOTTY;
    assert_int_equal(control_channel_call(&channel, PTM_NUMBER_STOP, &answer, &error), -1);
    assert_non_null(strstr(error.text, "PTM_STOP"));
    assert_non_null(strstr(error.text, "/dev/fake"));
    assert_non_null(strstr(error.text, "swtpm_cuse"));
    device.error = EIO;
    expect_failure(&channel, "PTM_GET_STATEBLOB");
}

static void an_interrupted_call_is_made_again(void **state)
{
    struct ptm_result answer = {.result = 1};
    struct error error;

    (void)state;
    struct control_channel channel = connect_device(FROM_DEVICE, 0, 0);
    device.error = EINTR;
    assert_int_equal(control_channel_call(&channel, PTM_NUMBER_STOP, &answer, &error), 0);
    assert_int_equal(answer.result, 0);
    assert_int_equal(device.calls, 2);
}

/* In the structure of each call; the memory of the blob is its owner's. */
static void a_part_of_a_blob_is_wiped(void **state)
{
    struct control_channel channel = connect_device(FROM_DEVICE, 1000, 0);
    struct buffer blob = {0};
    struct error error;
    uint32_t result = 0;
    uint8_t bytes[100];

    (void)state;
    memcpy(bytes, device.blob + 500, sizeof bytes);
    wiped_memory_forget();
    assert_int_equal(
        control_channel_get_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 1);
    channel = connect_device(TO_DEVICE, 0, 0);
    wiped_memory_forget();
    assert_int_equal(
        control_channel_set_state(&channel, PTM_BLOB_TYPE_VOLATILE, &blob, &result, &error), 0);
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 1);
    buffer_free(&blob);
    assert_int_equal(wiped_memory_count(bytes, sizeof bytes), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_fetched_whole_by_calls_and_by_reading),
        cmocka_unit_test(a_blob_is_given_whole_by_calls_and_by_writing),
        cmocka_unit_test(a_result_ends_the_transfer),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(a_device_that_ends_early_is_an_error),
        cmocka_unit_test(errors_of_the_call_are_told_with_its_name),
        cmocka_unit_test(an_interrupted_call_is_made_again),
        cmocka_unit_test(a_part_of_a_blob_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
