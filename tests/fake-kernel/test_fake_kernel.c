/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fake kernel against two partners: the echo server in a process of its own (a real libfuse),
 * and replies written by hand, good and bad, into the server's end of the channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT 180000 /* ms; only a broken test ever waits so long */

struct fixture {
    struct fake_kernel *kernel;
    struct fake_device device;
    struct fake_file *file;
    int server_fd; /* by hand: the server's end */
    pid_t server;  /* 0: the test itself is the server */
};

/* ------------------------------------------------------------------------------ the echo server */

static const char *echo_server_path(void)
{
    static char path[4200];
    char program[4096] = {0};

    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    snprintf(path, sizeof path, "%s/../echo_server", dirname(program));
    return path;
}

static pid_t start_echo_server(int fd, bool unrestricted)
{
    char number[16];
    const char *path = echo_server_path();
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    fcntl(fd, F_SETFD, 0);
    snprintf(number, sizeof number, "%d", fd);
    execl(path, path, "--fd", number, unrestricted ? "--unrestricted" : NULL, NULL);
    _exit(127);
}

static int set_up(void **state, bool unrestricted)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int server_fd;

    assert_int_equal(fake_kernel_create(&fixture->kernel, &server_fd), 0);
    fake_kernel_set_timeout(fixture->kernel, TIMEOUT);
    fixture->server = start_echo_server(server_fd, unrestricted);
    close(server_fd);
    assert_int_equal(fake_kernel_wait_device(fixture->kernel, TIMEOUT, &fixture->device), 0);
    assert_int_equal(fake_open(fixture->kernel, O_RDWR, &fixture->file), 0);
    *state = fixture;
    return 0;
}

static int set_up_restricted(void **state)
{
    return set_up(state, false);
}

static int set_up_unrestricted(void **state)
{
    return set_up(state, true);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    int status = 0;

    if (fixture->file != NULL)
        assert_int_equal(fake_close(fixture->file), 0);
    assert_int_equal(fake_kernel_unanswered(fixture->kernel), 0);
    if (fake_kernel_violations(fixture->kernel) != 0)
        fail_msg("%s", fake_kernel_violation(fixture->kernel, 0));
    fake_kernel_destroy(fixture->kernel);
    assert_int_equal(waitpid(fixture->server, &status, 0), fixture->server);
    assert_int_equal(status, 0);
    free(fixture);
    return 0;
}

static ssize_t wait_for(struct fake_request *request)
{
    ssize_t result = 0;

    assert_int_equal(fake_wait(request, TIMEOUT, &result), 0);
    return result;
}

static void a_device_has_the_name_and_limits_that_the_server_gave(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(fixture->device.name, "echo");
    assert_int_equal(fixture->device.flags, 0);
    assert_int_equal(fixture->device.max_read, 131072);
    assert_true(fixture->device.max_write >= 131072);
}

static void what_is_written_can_be_read_in_parts(void **state)
{
    struct fixture *fixture = *state;
    char data[16] = {0};

    assert_int_equal(fake_write(fixture->file, "hello", 5), 5);
    assert_int_equal(fake_read(fixture->file, data, 3), 3);
    assert_int_equal(fake_read(fixture->file, data + 3, 10), 2);
    assert_string_equal(data, "hello");
}

static void nothing_is_sent_for_size_0(void **state)
{
    struct fixture *fixture = *state;
    char byte;

    assert_int_equal(fake_write(fixture->file, "", 0), 0);
    assert_int_equal(fake_read(fixture->file, &byte, 0), 0);
}

static void large_transfers_are_split_and_arrive_whole(void **state)
{
    struct fixture *fixture = *state;
    const size_t size = 500001;
    unsigned char *sent = malloc(size), *received = calloc(1, size + 10);

    for (size_t i = 0; i < size; i++)
        sent[i] = (unsigned char)(i * 7 >> 3);
    assert_int_equal(fake_write(fixture->file, sent, size), size);
    assert_int_equal(fake_read(fixture->file, received, size + 10), size);
    assert_memory_equal(sent, received, size);
    free(sent);
    free(received);
}

static void a_nonblocking_read_of_nothing_gives_eagain(void **state)
{
    struct fixture *fixture = *state;
    char byte;

    fake_set_nonblocking(fixture->file, true);
    assert_int_equal(fake_read(fixture->file, &byte, 1), -EAGAIN);
}

static void a_parked_read_is_answered_by_a_write(void **state)
{
    struct fixture *fixture = *state;
    char data[8] = {0};
    ssize_t result;
    struct fake_request *read = fake_submit_read(fixture->file, data, sizeof data);

    assert_int_equal(fake_wait(read, 50, &result), -ETIMEDOUT);
    assert_int_equal(fake_write(fixture->file, "late", 4), 4);
    assert_int_equal(wait_for(read), 4);
    assert_string_equal(data, "late");
}

static void an_interrupted_read_ends_with_eintr(void **state)
{
    struct fixture *fixture = *state;
    char data[8];
    ssize_t result;
    struct fake_request *read = fake_submit_read(fixture->file, data, sizeof data);

    assert_int_equal(fake_wait(read, 50, &result), -ETIMEDOUT);
    fake_interrupt(read);
    assert_int_equal(wait_for(read), -EINTR);
}

static void an_abandoned_read_leaves_its_buffer_alone(void **state)
{
    struct fixture *fixture = *state;
    char data[8] = "before";
    struct fake_request *read = fake_submit_read(fixture->file, data, sizeof data);

    fake_abandon(read);
    assert_int_equal(fake_write(fixture->file, "after", 5), 5);
    assert_string_equal(data, "before");
}

static void a_killed_process_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    struct fake_file *other;
    struct fake_request *read, *poll;
    char data[8];

    assert_int_equal(fake_open(fixture->kernel, O_RDWR, &other), 0);
    read = fake_submit_read(other, data, sizeof data);
    poll = fake_submit_poll(other, POLLIN);
    assert_int_equal(fake_kill(other), 0);
    assert_int_equal(wait_for(read), -EINTR);
    assert_int_equal(wait_for(poll), -EINTR);
}

static void poll_tells_what_is_there_without_waiting(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fake_poll(fixture->file, POLLIN | POLLOUT, 0), POLLOUT);
    assert_int_equal(fake_poll(fixture->file, POLLIN, 0), 0);
    assert_int_equal(fake_poll(fixture->file, POLLIN, 50), 0);
    assert_int_equal(fake_write(fixture->file, "x", 1), 1);
    assert_int_equal(fake_poll(fixture->file, POLLIN, 0), POLLIN);
    assert_int_equal(fake_poll(fixture->file, POLLIN, TIMEOUT), POLLIN);
}

static void a_notification_wakes_a_poll(void **state)
{
    struct fixture *fixture = *state;
    ssize_t result;
    struct fake_request *poll = fake_submit_poll(fixture->file, POLLIN);

    assert_int_equal(fake_wait(poll, 50, &result), -ETIMEDOUT);
    assert_int_equal(fake_write(fixture->file, "x", 1), 1);
    assert_int_equal(wait_for(poll), POLLIN);
}

static void an_interrupted_poll_ends_with_eintr(void **state)
{
    struct fixture *fixture = *state;
    ssize_t result;
    struct fake_request *poll = fake_submit_poll(fixture->file, POLLIN);

    assert_int_equal(fake_wait(poll, 50, &result), -ETIMEDOUT);
    fake_interrupt(poll);
    assert_int_equal(wait_for(poll), -EINTR);
}

static void assert_inverted(const unsigned char *data, const unsigned char *original, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(data[i], (unsigned char)~original[i]);
}

static void an_ioctl_carries_its_structure_by_direction_and_size(void **state)
{
    struct fixture *fixture = *state;
    unsigned char data[4101], original[4101], zero[4101] = {0};

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = original[i] = (unsigned char)i;
    assert_int_equal(fake_ioctl(fixture->file, _IO('E', 1), NULL), 0);
    assert_int_equal(fake_ioctl(fixture->file, _IOC(_IOC_WRITE, 'E', 2, 4100), data), 4100);
    assert_memory_equal(data, original, sizeof data);
    assert_int_equal(fake_ioctl(fixture->file, _IOC(_IOC_READ | _IOC_WRITE, 'E', 3, 4100), data),
                     4100);
    assert_inverted(data, original, 4100);
    assert_int_equal(data[4100], original[4100]);
    assert_int_equal(fake_ioctl(fixture->file, _IOC(_IOC_READ, 'E', 4, 8), data), 0);
    assert_inverted(data, zero, 8);
}

static void an_ioctl_that_the_server_refuses_gives_its_error(void **state)
{
    struct fixture *fixture = *state;
    uint64_t value = 0;

    assert_int_equal(fake_ioctl(fixture->file, _IOR('X', 1, uint64_t), &value), -EINVAL);
}

static void a_bad_address_in_an_unrestricted_ioctl_gives_efault(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fake_ioctl(fixture->file, _IOR('E', 1, uint64_t), (void *)16), -EFAULT);
    assert_int_equal(fake_ioctl(fixture->file, _IOW('E', 1, uint64_t), (void *)16), -EFAULT);
}

static void hanging_up_ends_what_is_in_flight(void **state)
{
    struct fixture *fixture = *state;
    char data[8];
    struct fake_request *read = fake_submit_read(fixture->file, data, sizeof data);
    struct fake_request *poll = fake_submit_poll(fixture->file, POLLIN);
    ssize_t result;

    assert_int_equal(fake_wait(poll, 50, &result), -ETIMEDOUT);
    fake_kernel_hang_up(fixture->kernel);
    assert_int_equal(wait_for(read), -ECONNABORTED);
    assert_int_equal(wait_for(poll), POLLERR);
    assert_int_equal(fake_write(fixture->file, "x", 1), -ENOTCONN);
}

static void the_death_of_the_server_is_seen(void **state)
{
    struct fixture *fixture = *state;
    char data[8];
    struct fake_request *read = fake_submit_read(fixture->file, data, sizeof data);

    kill(fixture->server, SIGTERM);
    assert_int_equal(wait_for(read), -ECONNABORTED);
    assert_true(fake_kernel_is_gone(fixture->kernel));
}

/* Each thread echoes on a file of its own, all over one channel. */
static void *echo_many_times(void *argument)
{
    struct fake_kernel *kernel = argument;
    struct fake_file *file;
    uintptr_t good = 0;

    if (fake_open(kernel, O_RDWR, &file) != 0)
        return NULL;
    for (unsigned i = 0; i < 500; i++) {
        unsigned back = 0;
        if (i % 2 == 0) {
            struct fake_request *read = fake_submit_read(file, &back, sizeof back);
            good += fake_write(file, &i, sizeof i) == sizeof i && wait_for(read) == sizeof back;
        } else {
            good += fake_write(file, &i, sizeof i) == sizeof i &&
                    fake_read(file, &back, sizeof back) == sizeof back;
        }
        if (back != i)
            good = 0;
    }
    fake_close(file);
    return (void *)good;
}

static void several_threads_share_a_channel(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[4];
    void *good;

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, echo_many_times, fixture->kernel), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((uintptr_t)good, 500);
    }
}

/* ------------------------------------------------------------------------------ replies by hand */

static void receive(struct fixture *fixture, struct fuse_in_header *header, void *body,
                    size_t body_size)
{
    char message[8192] = {0};
    ssize_t size = recv(fixture->server_fd, message, sizeof message, MSG_DONTWAIT);

    assert_true(size >= (ssize_t)sizeof *header);
    memcpy(header, message, sizeof *header);
    assert_int_equal(header->len, size);
    memcpy(body, message + sizeof *header, body_size);
}

static void reply_as_is(struct fixture *fixture, uint64_t unique, int error, uint32_t length,
                        const void *body, size_t body_size)
{
    char message[16384] = {0};
    struct fuse_out_header header = {.len = length, .error = error, .unique = unique};

    memcpy(message, &header, sizeof header);
    if (body_size > 0)
        memcpy(message + sizeof header, body, body_size);
    assert_true(send(fixture->server_fd, message, sizeof header + body_size, MSG_NOSIGNAL) > 0);
}

static void reply(struct fixture *fixture, uint64_t unique, int error, const void *body,
                  size_t body_size)
{
    reply_as_is(fixture, unique, error, (uint32_t)(sizeof(struct fuse_out_header) + body_size),
                body, body_size);
}

static void reply_to_init(struct fixture *fixture)
{
    struct fuse_in_header header;
    struct cuse_init_in in;
    struct {
        struct cuse_init_out out;
        char name[14];
    } body = {.out = {.major = 7, .minor = 31, .max_read = 8192, .max_write = 5000},
              .name = "DEVNAME=byhand"};
    const size_t size = sizeof body.out + sizeof body.name;

    receive(fixture, &header, &in, sizeof in);
    assert_int_equal(header.opcode, CUSE_INIT);
    assert_int_equal(in.major, 7);
    reply(fixture, header.unique, 0, &body, size);
}

static void *answer_open(void *argument)
{
    struct fixture *fixture = argument;
    struct pollfd poll_fd = {.fd = fixture->server_fd, .events = POLLIN};
    struct fuse_in_header header;
    struct fuse_open_in in;
    struct fuse_open_out out = {.fh = 42};

    poll(&poll_fd, 1, TIMEOUT);
    receive(fixture, &header, &in, sizeof in);
    reply(fixture, header.unique, 0, &out, sizeof out);
    return NULL;
}

static int set_up_by_hand(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    pthread_t thread;

    assert_int_equal(fake_kernel_create(&fixture->kernel, &fixture->server_fd), 0);
    reply_to_init(fixture);
    assert_int_equal(fake_kernel_wait_device(fixture->kernel, TIMEOUT, &fixture->device), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_open, fixture), 0);
    assert_int_equal(fake_open(fixture->kernel, O_RDWR, &fixture->file), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(fake_kernel_violations(fixture->kernel), 0);
    *state = fixture;
    return 0;
}

static int tear_down_by_hand(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->server_fd);
    assert_int_equal(fake_close(fixture->file), 0);
    fake_kernel_destroy(fixture->kernel);
    free(fixture);
    return 0;
}

static void assert_violations(struct fixture *fixture, unsigned count, const char *text)
{
    assert_int_equal(fake_kernel_violations(fixture->kernel), count);
    const char *first = fake_kernel_violation(fixture->kernel, 0);
    assert_non_null(first);
    if (strstr(first, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", first, text);
}

static uint64_t take_read(struct fixture *fixture, struct fuse_read_in *in)
{
    struct fuse_in_header header;

    receive(fixture, &header, in, sizeof *in);
    assert_int_equal(header.opcode, FUSE_READ);
    assert_int_equal(in->fh, 42);
    return header.unique;
}

static void a_write_is_split_by_max_write(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t sizes[] = {5000, 5000, 2000};
    static char data[12000];
    struct fake_request *request = fake_submit_write(fixture->file, data, sizeof data);
    ssize_t result;

    for (unsigned i = 0; i < 3; i++) {
        struct fuse_in_header header;
        struct fuse_write_in in;
        receive(fixture, &header, &in, sizeof in);
        assert_int_equal(in.size, sizes[i]);
        assert_int_equal(in.offset, i * 5000);
        reply(fixture, header.unique, 0, &(struct fuse_write_out){.size = in.size}, 8);
        assert_int_equal(fake_wait(request, 0, &result), i < 2 ? -ETIMEDOUT : 0);
    }
    assert_int_equal(result, sizeof data);
}

static void a_short_part_ends_a_read_that_was_split(void **state)
{
    struct fixture *fixture = *state;
    static char data[20000], part[8192];
    struct fake_request *request = fake_submit_read(fixture->file, data, sizeof data);
    struct fuse_read_in in;
    ssize_t result;

    reply(fixture, take_read(fixture, &in), 0, part, 8000);
    assert_int_equal(in.size, 8192);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, 8000);
}

static void an_error_after_a_whole_part_gives_what_was_read(void **state)
{
    struct fixture *fixture = *state;
    static char data[16384], part[8192];
    struct fake_request *request = fake_submit_read(fixture->file, data, 16384);
    struct fuse_read_in in;
    ssize_t result;

    reply(fixture, take_read(fixture, &in), 0, part, sizeof part);
    assert_int_equal(fake_wait(request, 0, &result), -ETIMEDOUT);
    reply(fixture, take_read(fixture, &in), -EIO, NULL, 0);
    assert_int_equal(in.offset, 8192);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, 8192);
}

struct bad_reply {
    const char *says; /* in the violation */
    int error;
    int length_off_by;
    uint32_t body_size;
};

static void a_bad_reply_to_a_read_is_a_violation(void **state)
{
    struct fixture *fixture = *state;
    static const struct bad_reply bad[] = {
        {"header says", 0, 1, 4},        {"header says", 0, -1, 4},
        {"not in -511..0", 5, 0, 0},     {"not in -511..0", -512, 0, 0},
        {"beside error", -EAGAIN, 0, 4}, {"were asked for", 0, 0, 11},
    };

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char data[10];
        struct fuse_read_in in;
        ssize_t result;
        struct fake_request *request = fake_submit_read(fixture->file, data, sizeof data);
        uint64_t unique = take_read(fixture, &in);
        reply_as_is(fixture, unique, bad[i].error,
                    (uint32_t)((int)(16 + bad[i].body_size) + bad[i].length_off_by), "abcdefghijk",
                    bad[i].body_size);
        assert_int_equal(fake_wait(request, 0, &result), 0);
        assert_int_equal(result, -EIO);
        assert_int_equal(fake_kernel_violations(fixture->kernel), i + 1);
        if (strstr(fake_kernel_violation(fixture->kernel, i), bad[i].says) == NULL)
            fail_msg("%s", fake_kernel_violation(fixture->kernel, i));
    }
}

static void a_second_reply_is_a_violation(void **state)
{
    struct fixture *fixture = *state;
    char data[10];
    struct fuse_read_in in;
    ssize_t result;
    struct fake_request *request = fake_submit_read(fixture->file, data, sizeof data);
    uint64_t unique = take_read(fixture, &in);

    reply(fixture, unique, 0, "ab", 2);
    reply(fixture, unique, 0, "ab", 2);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, 2);
    assert_violations(fixture, 1, "not waiting");
}

static void a_reply_that_nothing_asked_for_is_a_violation(void **state)
{
    reply(*state, 1000, 0, NULL, 0);
    assert_violations(*state, 1, "not waiting");
}

static void a_notification_for_a_file_that_nobody_polls_is_a_violation(void **state)
{
    reply(*state, 0, FUSE_NOTIFY_POLL, &(uint64_t){1}, 8);
    assert_violations(*state, 1, "nobody polls");
}

static void a_notification_of_another_kind_is_a_violation(void **state)
{
    reply(*state, 0, FUSE_NOTIFY_DELETE, &(uint64_t){1}, 8);
    assert_violations(*state, 1, "notification 6");
}

static void a_message_without_a_header_is_a_violation(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(send(fixture->server_fd, "short", 5, 0), 5);
    assert_violations(*state, 1, "message of 5 bytes");
}

static void a_write_reply_that_takes_too_much_is_a_violation(void **state)
{
    struct fixture *fixture = *state;
    struct fake_request *request = fake_submit_write(fixture->file, "abc", 3);
    struct fuse_in_header header;
    ssize_t result;
    char body[40];

    receive(fixture, &header, body, sizeof body);
    reply(fixture, header.unique, 0, &(struct fuse_write_out){.size = 4}, 8);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, -EIO);
    assert_violations(fixture, 1, "4 bytes taken of 3");
}

static void an_ioctl_retry_on_a_restricted_device_is_a_violation(void **state)
{
    struct fixture *fixture = *state;
    uint64_t value = 0;
    struct fake_request *request = fake_submit_ioctl(fixture->file, _IOR('E', 1, uint64_t), &value);
    struct fuse_in_header header;
    ssize_t result;
    struct fuse_ioctl_in in;

    receive(fixture, &header, &in, sizeof in);
    assert_int_equal(in.in_size, 0);
    assert_int_equal(in.out_size, 8);
    reply(fixture, header.unique, 0, &(struct fuse_ioctl_out){.flags = FUSE_IOCTL_RETRY}, 16);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, -EIO);
    assert_violations(fixture, 1, "retry");
}

static void an_interrupt_that_came_too_early_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    char data[10];
    struct fuse_read_in in;
    struct fuse_interrupt_in interrupt;
    struct fuse_in_header header;
    ssize_t result;
    struct fake_request *request = fake_submit_read(fixture->file, data, sizeof data);
    uint64_t unique = take_read(fixture, &in);

    fake_interrupt(request);
    for (unsigned i = 0; i < 2; i++) {
        receive(fixture, &header, &interrupt, sizeof interrupt);
        assert_int_equal(header.opcode, FUSE_INTERRUPT);
        assert_int_equal(header.unique, unique + 1);
        assert_int_equal(interrupt.unique, unique);
        if (i == 0)
            reply(fixture, header.unique, -EAGAIN, NULL, 0);
        assert_int_equal(fake_wait(request, 0, &result), -ETIMEDOUT);
    }
    reply(fixture, unique, -EINTR, NULL, 0);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    assert_int_equal(result, -EINTR);
    assert_int_equal(fake_kernel_violations(fixture->kernel), 0);
}

static void release_waits_for_the_last_request(void **state)
{
    struct fixture *fixture = *state;
    struct fake_file *other;
    char data[10], byte;
    struct fuse_read_in in;
    struct fuse_release_in release;
    struct fuse_in_header header;
    ssize_t result;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer_open, fixture), 0);
    assert_int_equal(fake_open(fixture->kernel, O_RDWR, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct fake_request *request = fake_submit_read(other, data, sizeof data);
    assert_int_equal(fake_close(other), 0);
    uint64_t unique = take_read(fixture, &in);
    assert_int_equal(recv(fixture->server_fd, &byte, 1, MSG_DONTWAIT), -1);
    reply(fixture, unique, 0, "x", 1);
    assert_int_equal(fake_wait(request, 0, &result), 0);
    receive(fixture, &header, &release, sizeof release);
    assert_int_equal(header.opcode, FUSE_RELEASE);
    assert_int_equal(fake_kernel_unanswered(fixture->kernel), 1);
    reply(fixture, header.unique, 0, NULL, 0);
    assert_int_equal(fake_kernel_unanswered(fixture->kernel), 0);
}

static void a_call_that_is_never_answered_times_out(void **state)
{
    struct fixture *fixture = *state;
    char data[10];

    fake_kernel_set_timeout(fixture->kernel, 20);
    assert_int_equal(fake_read(fixture->file, data, sizeof data), -ETIMEDOUT);
    assert_violations(fixture, 1, "no reply within 20 ms");
    fake_kernel_set_timeout(fixture->kernel, TIMEOUT);
}

static void an_init_reply_without_a_name_makes_no_device(void **state)
{
    struct fixture fixture = {0};
    struct fuse_in_header header;
    struct cuse_init_in in;
    struct cuse_init_out out = {.major = 7, .minor = 31};
    struct fake_file *file;

    (void)state;
    assert_int_equal(fake_kernel_create(&fixture.kernel, &fixture.server_fd), 0);
    assert_int_equal(fake_kernel_wait_device(fixture.kernel, 0, &fixture.device), -ETIMEDOUT);
    assert_int_equal(fake_open(fixture.kernel, O_RDWR, &file), -ENODEV);
    receive(&fixture, &header, &in, sizeof in);
    reply(&fixture, header.unique, 0, &out, sizeof out);
    assert_int_equal(fake_kernel_wait_device(fixture.kernel, 0, &fixture.device), -EPROTO);
    assert_int_equal(fake_kernel_violations(fixture.kernel), 1);
    close(fixture.server_fd);
    fake_kernel_destroy(fixture.kernel);
}

#define ECHO_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_restricted, tear_down)
#define ECHO_TEST_UNRESTRICTED(name)                                                               \
    {                                                                                              \
#name " (unrestricted)", name, set_up_unrestricted, tear_down, NULL                        \
    }
#define HAND_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_by_hand, tear_down_by_hand)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ECHO_TEST(a_device_has_the_name_and_limits_that_the_server_gave),
        ECHO_TEST(what_is_written_can_be_read_in_parts),
        ECHO_TEST(nothing_is_sent_for_size_0),
        ECHO_TEST(large_transfers_are_split_and_arrive_whole),
        ECHO_TEST(a_nonblocking_read_of_nothing_gives_eagain),
        ECHO_TEST(a_parked_read_is_answered_by_a_write),
        ECHO_TEST(an_interrupted_read_ends_with_eintr),
        ECHO_TEST(an_abandoned_read_leaves_its_buffer_alone),
        ECHO_TEST(a_killed_process_leaves_nothing_behind),
        ECHO_TEST(poll_tells_what_is_there_without_waiting),
        ECHO_TEST(a_notification_wakes_a_poll),
        ECHO_TEST(an_interrupted_poll_ends_with_eintr),
        ECHO_TEST(an_ioctl_carries_its_structure_by_direction_and_size),
        ECHO_TEST(an_ioctl_that_the_server_refuses_gives_its_error),
        ECHO_TEST_UNRESTRICTED(an_ioctl_carries_its_structure_by_direction_and_size),
        ECHO_TEST_UNRESTRICTED(an_ioctl_that_the_server_refuses_gives_its_error),
        ECHO_TEST_UNRESTRICTED(a_bad_address_in_an_unrestricted_ioctl_gives_efault),
        ECHO_TEST(hanging_up_ends_what_is_in_flight),
        ECHO_TEST(the_death_of_the_server_is_seen),
        ECHO_TEST(several_threads_share_a_channel),
        HAND_TEST(a_write_is_split_by_max_write),
        HAND_TEST(a_short_part_ends_a_read_that_was_split),
        HAND_TEST(an_error_after_a_whole_part_gives_what_was_read),
        HAND_TEST(a_bad_reply_to_a_read_is_a_violation),
        HAND_TEST(a_second_reply_is_a_violation),
        HAND_TEST(a_reply_that_nothing_asked_for_is_a_violation),
        HAND_TEST(a_notification_for_a_file_that_nobody_polls_is_a_violation),
        HAND_TEST(a_notification_of_another_kind_is_a_violation),
        HAND_TEST(a_message_without_a_header_is_a_violation),
        HAND_TEST(a_write_reply_that_takes_too_much_is_a_violation),
        HAND_TEST(an_ioctl_retry_on_a_restricted_device_is_a_violation),
        HAND_TEST(an_interrupt_that_came_too_early_is_sent_again),
        HAND_TEST(release_waits_for_the_last_request),
        HAND_TEST(a_call_that_is_never_answered_times_out),
        cmocka_unit_test(an_init_reply_without_a_name_makes_no_device),
    };

    return cmocka_run_group_tests_name("fake kernel", tests, NULL, NULL);
}
