/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/log.h"

static int open_empty_pipe(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    close(ends[1]);
    return ends[0];
}

/* Mapped, not taken from the heap, whose pages were used before: here only pages that requests
 * reach take up memory, and the largest requests are rare. */
static uint8_t *map_request(void)
{
    void *memory = mmap(NULL, CHANNEL_REQUEST_MAX, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

int channel_open(struct channel *channel, int fd, struct error *error)
{
    channel->fd = fd;
    channel->woken = 0;
    channel->receive_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    channel->empty_pipe_fd = open_empty_pipe();
    channel->request = map_request();
    if (channel->receive_fd >= 0 && channel->empty_pipe_fd >= 0 && channel->request != NULL)
        return 0;
    error_set(error, "cannot set up the CUSE channel: %s", strerror(errno));
    channel_close(channel);
    return -1;
}

void channel_close(struct channel *channel)
{
    int *fds[] = {&channel->receive_fd, &channel->empty_pipe_fd, &channel->fd};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    if (channel->request != NULL)
        munmap(channel->request, CHANNEL_REQUEST_MAX);
    channel->request = NULL;
}

void channel_wake(struct channel *channel)
{
    int saved_errno = errno;

    channel->woken = 1;
    TEMP_FAILURE_RETRY(dup3(channel->empty_pipe_fd, channel->receive_fd, O_CLOEXEC));
    errno = saved_errno;
}

/* A signal between the two steps is not lost: its handler has run by the time the caller looks. */
static enum channel_event end_of_input(struct channel *channel)
{
    if (!channel->woken)
        return CHANNEL_CLOSED;
    channel->woken = 0;
    if (TEMP_FAILURE_RETRY(dup3(channel->fd, channel->receive_fd, O_CLOEXEC)) < 0)
        return CHANNEL_FAILED;
    return CHANNEL_WOKEN;
}

/* The event comes first: it may answer the request that another one waits for. */
static int event_is_ready(const struct channel *channel, int event_fd)
{
    struct pollfd fds[] = {{.fd = channel->receive_fd, .events = POLLIN},
                           {.fd = event_fd, .events = POLLIN}};

    /* After ENOMEM too: to read instead could wait for ever. */
    while (poll(fds, 2, -1) < 0 && (errno == EINTR || errno == ENOMEM))
        ;
    return (fds[1].revents & POLLIN) != 0;
}

/* libfuse trusts the lengths, and would take the rest of an earlier request for that of this. */
static enum channel_event check_request(const uint8_t *request, size_t size)
{
    const struct fuse_in_header *header = (const void *)request;

    if (size >= sizeof *header && header->len == size)
        return CHANNEL_REQUEST;
    log_error("The CUSE channel gave a message of %zu bytes that is no FUSE request: is the kernel "
              "at its other end?", size);
    errno = EPROTO;
    return CHANNEL_FAILED;
}

enum channel_event channel_receive(struct channel *channel, int event_fd, size_t *size)
{
    for (;;) {
        if (event_fd >= 0 && event_is_ready(channel, event_fd))
            return CHANNEL_EVENT;
        ssize_t got = read(channel->receive_fd, channel->request, CHANNEL_REQUEST_MAX);
        if (got > 0) {
            *size = (size_t)got;
            return check_request(channel->request, *size);
        }
        if (got == 0)
            return end_of_input(channel);
        /* ENOENT: the request was interrupted before it was read (fuse(4)). */
        if (errno == EAGAIN)
            event_is_ready(channel, -1);
        else if (errno == ENODEV)
            return CHANNEL_CLOSED;
        else if (errno != EINTR && errno != ENOENT)
            return CHANNEL_FAILED;
    }
}

void channel_wipe_request(struct channel *channel, size_t size)
{
    const struct fuse_in_header *header = (const void *)channel->request;

    /* A read, the other half of each command, brings nothing of the client's. */
    if (header->opcode != FUSE_READ)
        explicit_bzero(channel->request, size);
}

static ssize_t send_waiting(int fd, const struct iovec *vector, int count)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    ssize_t sent;

    while ((sent = TEMP_FAILURE_RETRY(writev(fd, vector, count))) < 0 && errno == EAGAIN)
        poll(&room, 1, -1);
    return sent;
}

/* A notification waits for no answer, and has no number. */
static void refuse(int fd, const struct iovec *reply)
{
    struct fuse_out_header header = {.len = sizeof header, .error = -EIO};

    if (reply->iov_len < sizeof header)
        return;
    header.unique = ((const struct fuse_out_header *)reply->iov_base)->unique;
    const struct iovec refusal = {.iov_base = &header, .iov_len = sizeof header};
    if (header.unique != 0)
        send_waiting(fd, &refusal, 1);
}

ssize_t channel_send(int fd, const struct iovec *vector, int count)
{
    ssize_t sent = send_waiting(fd, vector, count);

    if (sent < 0 && errno != ENOENT && errno != EPIPE) {
        int saved_errno = errno;
        refuse(fd, vector);
        errno = saved_errno;
    }
    return sent;
}

int channel_is_closed(const struct channel *channel)
{
    struct pollfd fd = {.fd = channel->fd};

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}
