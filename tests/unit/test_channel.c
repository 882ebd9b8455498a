/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/channel.h"
#include "util/log.h"

static struct channel channel;
static int kernel_fd;
static volatile sig_atomic_t signals_seen;

static int open_pair(void **state)
{
    (void)state;
    int ends[2];
    struct error error;

    /* A lost wake leaves the receiver blocked. */
    alarm(60);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    kernel_fd = ends[0];
    return channel_open(&channel, ends[1], &error);
}

static int close_pair(void **state)
{
    (void)state;
    channel_close(&channel);
    if (kernel_fd >= 0)
        close(kernel_fd);
    return 0;
}

static ssize_t send_request(const char *data)
{
    struct {
        struct fuse_in_header header;
        char data[16];
    } message = {.header = {.len = (uint32_t)(sizeof message.header + strlen(data))}};

    memcpy(message.data, data, strlen(data));
    return send(kernel_fd, &message, message.header.len, 0);
}

static void assert_request_arrives(const char *data)
{
    size_t size = 0;

    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_REQUEST);
    assert_int_equal(size, sizeof(struct fuse_in_header) + strlen(data));
    assert_memory_equal(channel.request + sizeof(struct fuse_in_header), data, strlen(data));
}

static void a_request_arrives_whole(void **state)
{
    (void)state;
    assert_true(send_request("request") > 0);
    assert_request_arrives("request");
}

/* libfuse would take what the one before it left in the memory for the rest. */
static void a_message_that_is_no_whole_request_breaks_the_channel(void **state)
{
    (void)state;
    struct fuse_in_header header = {.len = sizeof header};
    size_t size;

    for (size_t length = 1; length < sizeof header; length++) {
        assert_true(send_request("") > 0);
        assert_request_arrives("");
        assert_int_equal(send(kernel_fd, &header, length, 0), length);
        assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_FAILED);
        assert_int_equal(errno, EPROTO);
    }
    header.len++;
    assert_int_equal(send(kernel_fd, &header, sizeof header, 0), sizeof header);
    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_FAILED);
}

static void a_wake_before_the_read_is_not_lost(void **state)
{
    (void)state;
    size_t size;

    channel_wake(&channel);
    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_WOKEN);
    a_request_arrives_whole(state);
}

static void wakes_do_not_lose_requests(void **state)
{
    (void)state;
    size_t size;

    assert_true(send_request("kept") > 0);
    channel_wake(&channel);
    channel_wake(&channel);
    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_WOKEN);
    assert_request_arrives("kept");
}

static void the_other_end_closes(void **state)
{
    (void)state;
    size_t size;

    assert_false(channel_is_closed(&channel));
    close(kernel_fd);
    kernel_fd = -1;
    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_CLOSED);
    assert_true(channel_is_closed(&channel));
}

static void the_event_comes_before_a_request(void **state)
{
    (void)state;
    size_t size;
    int event_fd = eventfd(1, EFD_CLOEXEC);
    uint64_t count;

    assert_true(send_request("later") > 0);
    assert_int_equal(channel_receive(&channel, event_fd, &size), CHANNEL_EVENT);
    assert_int_equal(read(event_fd, &count, sizeof count), sizeof count);
    assert_request_arrives("later");
    close(event_fd);
}

static void a_nonblocking_channel_is_waited_for(void **state)
{
    (void)state;
    fcntl(channel.fd, F_SETFL, O_NONBLOCK);
    a_wake_before_the_read_is_not_lost(state);
}

static void wake_on_signal(int number)
{
    (void)number;
    signals_seen++;
    channel_wake(&channel);
}

static void *send_signals(void *thread)
{
    for (int i = 0; i < 2000; i++) {
        pthread_kill(*(pthread_t *)thread, SIGUSR1);
        if (i % 3 == 0)
            send_request("");
    }
    send_request("end");
    return NULL;
}

static void signals_at_any_moment_are_seen(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = wake_on_signal};
    pthread_t self = pthread_self(), sender;
    size_t size = 0, requests = 0;
    sig_atomic_t handled = 0;

    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(pthread_create(&sender, NULL, send_signals, &self), 0);
    for (;;) {
        enum channel_event event = channel_receive(&channel, -1, &size);
        if (event == CHANNEL_WOKEN) {
            handled = signals_seen;
            continue;
        }
        assert_int_equal(event, CHANNEL_REQUEST);
        if (size > sizeof(struct fuse_in_header))
            break;
        requests++;
    }
    pthread_join(sender, NULL);
    while (handled < signals_seen) {
        assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_WOKEN);
        handled = signals_seen;
    }
    assert_int_equal(requests, 667);
}

static void a_channel_that_cannot_be_read_has_failed(void **state)
{
    (void)state;
    size_t size;
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(directory >= 0);
    assert_true(dup3(directory, channel.receive_fd, O_CLOEXEC) >= 0);
    close(directory);
    assert_int_equal(channel_receive(&channel, -1, &size), CHANNEL_FAILED);
    assert_int_equal(errno, EISDIR);
}

/* A reply of this size is more than the socket takes. */
static ssize_t send_too_much(uint64_t unique)
{
    enum { TOO_MUCH = 16 << 20 };
    struct fuse_out_header header = {.len = sizeof header + TOO_MUCH, .unique = unique};
    char *data = calloc(1, TOO_MUCH);
    const struct iovec reply[] = {{.iov_base = &header, .iov_len = sizeof header},
                                  {.iov_base = data, .iov_len = TOO_MUCH}};

    ssize_t sent = channel_send(channel.fd, reply, 2);
    free(data);
    return sent;
}

static void who_waits_for_a_reply_that_is_not_taken_gets_an_error(void **state)
{
    (void)state;
    struct fuse_out_header header;

    assert_int_equal(send_too_much(77), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(recv(kernel_fd, &header, sizeof header, MSG_DONTWAIT), sizeof header);
    assert_int_equal(header.unique, 77);
    assert_int_equal(header.error, -EIO);
    assert_int_equal(header.len, sizeof header);
}

static void a_notification_that_is_not_taken_is_dropped(void **state)
{
    (void)state;
    struct fuse_out_header header;

    assert_int_equal(send_too_much(0), -1);
    assert_int_equal(recv(kernel_fd, &header, sizeof header, MSG_DONTWAIT), -1);
}

int main(void)
{
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_arrives_whole, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_message_that_is_no_whole_request_breaks_the_channel,
                                        open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_wake_before_the_read_is_not_lost, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(wakes_do_not_lose_requests, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(the_other_end_closes, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(the_event_comes_before_a_request, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_nonblocking_channel_is_waited_for, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(a_channel_that_cannot_be_read_has_failed, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(who_waits_for_a_reply_that_is_not_taken_gets_an_error,
                                        open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_notification_that_is_not_taken_is_dropped, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(signals_at_any_moment_are_seen, open_pair, close_pair),
    };
    if (log_open(&no_log, &error) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
