/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct deadline {
    bool is_set;
    struct timespec at; /* CLOCK_MONOTONIC */
};

static struct deadline deadline_in(int milliseconds)
{
    struct deadline deadline = {.is_set = milliseconds >= 0};

    if (!deadline.is_set)
        return deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline.at);
    deadline.at.tv_sec += milliseconds / 1000;
    deadline.at.tv_nsec += milliseconds % 1000 * 1000000L;
    if (deadline.at.tv_nsec >= 1000000000L) {
        deadline.at.tv_nsec -= 1000000000L;
        deadline.at.tv_sec++;
    }
    return deadline;
}

static struct timespec time_left(const struct deadline *deadline)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t seconds = deadline->at.tv_sec - now.tv_sec;
    long nanoseconds = deadline->at.tv_nsec - now.tv_nsec;
    if (nanoseconds < 0) {
        nanoseconds += 1000000000L;
        seconds--;
    }
    return seconds < 0 ? (struct timespec){0}
                       : (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
}

/* ------------------------------------------------------------------------------------- sending */

static void fill_header(const struct fake_request *request, const struct message *message,
                        struct fuse_in_header *header)
{
    const struct fake_kernel *kernel = request->kernel;
    bool forced = request->operation->forced;

    *header = (struct fuse_in_header){
        .len = (uint32_t)(sizeof *header + message->in_size + message->data_size),
        .opcode = request->operation->opcode,
        .unique = request->unique,
        .uid = forced ? 0 : kernel->uid,
        .gid = forced ? 0 : kernel->gid,
        .pid = forced ? 0 : kernel->pid,
    };
}

/* The send lock is held. */
static int send_message(struct fake_kernel *kernel, struct fuse_in_header *header,
                        struct message *message, int flags)
{
    struct iovec parts[] = {
        {.iov_base = header, .iov_len = sizeof *header},
        {.iov_base = &message->in, .iov_len = message->in_size},
        {.iov_base = (void *)(uintptr_t)message->data, .iov_len = message->data_size},
    };
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = message->data_size > 0 ? 3 : 2};
    ssize_t sent;

    do
        sent = sendmsg(kernel->fd, &packet, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Both locks are held. */
static void end_requests(struct fake_kernel *kernel)
{
    static const struct answer aborted = {.error = -ECONNABORTED};
    struct fake_file *file;

    kernel->gone = true;
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct fake_request *request;
        while ((request = SLIST_FIRST(&kernel->buckets[i])) != NULL) {
            SLIST_REMOVE_HEAD(&kernel->buckets[i], bucket);
            kernel->unanswered--;
            reply_conclude(request, &aborted);
        }
    }
    LIST_FOREACH(file, &kernel->files, entry)
    poll_wake(file);
}

void channel_is_gone(struct fake_kernel *kernel)
{
    pthread_mutex_lock(&kernel->send_lock);
    pthread_mutex_lock(&kernel->lock);
    if (!kernel->gone)
        end_requests(kernel);
    pthread_mutex_unlock(&kernel->lock);
    pthread_mutex_unlock(&kernel->send_lock);
    channel_flush(kernel);
}

/* Gives the request its place among those that the server has; false if there is nothing to send:
 * then it is done. */
static bool enter_message(struct fake_request *request, struct message *message,
                          struct fuse_in_header *header)
{
    static const struct answer not_connected = {.error = -ENOTCONN};
    static const struct answer interrupted = {.error = -EINTR};
    struct fake_kernel *kernel = request->kernel;

    pthread_mutex_lock(&kernel->lock);
    bool is_sent = !kernel->gone && !request->abandoned;
    if (is_sent) {
        kernel->last_unique += 2; /* FUSE_REQ_ID_STEP */
        request->unique = kernel->last_unique;
        request->state = REQUEST_IS_WITH_SERVER;
        request->operation->prepare(request, message);
        fill_header(request, message, header);
        SLIST_INSERT_HEAD(&kernel->buckets[request->unique / 2 % BUCKETS], request, bucket);
        kernel->unanswered++;
    } else {
        reply_conclude(request, kernel->gone ? &not_connected : &interrupted);
    }
    pthread_mutex_unlock(&kernel->lock);
    return is_sent;
}

void channel_send_request(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;
    struct fuse_in_header header;
    struct message message = {0};
    int error = 0;

    pthread_mutex_lock(&kernel->send_lock);
    if (enter_message(request, &message, &header))
        error = send_message(kernel, &header, &message, 0);
    pthread_mutex_unlock(&kernel->send_lock);
    /* What the server had answered before it went still counts: to the real kernel a reply is
     * there as soon as it is written.  After the last one comes the end. */
    if (error == -EPIPE || error == -ECONNRESET)
        channel_drain(kernel);
    else if (error != 0)
        channel_is_gone(kernel);
}

void channel_flush(struct fake_kernel *kernel)
{
    struct fake_request *request;

    do {
        pthread_mutex_lock(&kernel->lock);
        request = STAILQ_FIRST(&kernel->outgoing);
        if (request != NULL)
            STAILQ_REMOVE_HEAD(&kernel->outgoing, outgoing);
        pthread_mutex_unlock(&kernel->lock);
        if (request != NULL)
            channel_send_request(request);
    } while (request != NULL);
}

/* Both locks are held, so that the request stays what it is; for that the message may not block,
 * and is lost if a server has left half a MiB of messages unread. */
static void send_interrupt(struct fake_request *request)
{
    struct message message = {.in_size = sizeof message.in.interrupt,
                              .in.interrupt = {.unique = request->unique}};
    struct fuse_in_header header = {
        .len = sizeof header + sizeof message.in.interrupt,
        .opcode = FUSE_INTERRUPT,
        .unique = request->unique | 1, /* FUSE_INT_REQ_BIT */
    };

    if (!request->operation->forced && !request->kernel->no_interrupt)
        send_message(request->kernel, &header, &message, MSG_DONTWAIT);
}

/* Both locks are held. */
static void interrupt_request(struct fake_request *request)
{
    request->interrupted = true;
    if (request->state == REQUEST_IS_WITH_SERVER) {
        send_interrupt(request);
    } else if (request->state == REQUEST_AWAITS_NOTICE) {
        request->state = REQUEST_IS_DONE;
        request->result = -EINTR;
        request_finish(request);
    }
}

void channel_interrupt(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;

    pthread_mutex_lock(&kernel->send_lock);
    pthread_mutex_lock(&kernel->lock);
    interrupt_request(request);
    pthread_mutex_unlock(&kernel->lock);
    pthread_mutex_unlock(&kernel->send_lock);
    channel_flush(kernel);
}

void channel_interrupt_all(struct fake_file *file)
{
    struct fake_kernel *kernel = file->kernel;
    struct fake_request *request, *next;

    pthread_mutex_lock(&kernel->send_lock);
    pthread_mutex_lock(&kernel->lock);
    for (request = LIST_FIRST(&file->requests); request != NULL; request = next) {
        next = LIST_NEXT(request, of_file);
        interrupt_request(request);
    }
    pthread_mutex_unlock(&kernel->lock);
    pthread_mutex_unlock(&kernel->send_lock);
    channel_flush(kernel);
}

/* ----------------------------------------------------------------------------------- receiving */

static bool is_readable(int fd, const struct deadline *deadline)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int ready;

    do {
        struct timespec left = time_left(deadline);
        ready = ppoll(&poll_fd, 1, &left, NULL);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* Takes in one message.  0, or -ETIMEDOUT.  Called by the receiver, without a lock. */
static int receive_message(struct fake_kernel *kernel, const struct deadline *deadline)
{
    struct fake_request *again;
    ssize_t size;

    if (deadline->is_set && !is_readable(kernel->fd, deadline))
        return -ETIMEDOUT;
    do
        size = recv(kernel->fd, kernel->received, sizeof kernel->received, MSG_TRUNC);
    /* ECONNRESET tells, once, that the server left messages unread; its replies follow. */
    while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size <= 0) {
        channel_is_gone(kernel);
        return 0;
    }
    pthread_mutex_lock(&kernel->lock);
    again = reply_received(kernel, kernel->received, (size_t)size);
    bool more = !STAILQ_EMPTY(&kernel->outgoing);
    pthread_mutex_unlock(&kernel->lock);
    if (again != NULL)
        channel_interrupt(again);
    if (more)
        channel_flush(kernel);
    return 0;
}

/* The lock is held, but not while it receives. */
static int receive_for_all(struct fake_kernel *kernel, const struct deadline *deadline)
{
    kernel->receiving = true;
    pthread_mutex_unlock(&kernel->lock);
    int result = receive_message(kernel, deadline);
    pthread_mutex_lock(&kernel->lock);
    kernel->receiving = false;
    return result;
}

/* Another thread receives.  The lock is held, but not while it sleeps. */
static int sleep_until_changed(struct fake_request *request, const struct deadline *deadline)
{
    struct fake_kernel *kernel = request->kernel;
    int error;

    TAILQ_INSERT_TAIL(&kernel->waiters, request, waiter);
    if (deadline->is_set)
        error = pthread_cond_clockwait(&request->changed, &kernel->lock, CLOCK_MONOTONIC,
                                       &deadline->at);
    else
        error = pthread_cond_wait(&request->changed, &kernel->lock);
    TAILQ_REMOVE(&kernel->waiters, request, waiter);
    return -error;
}

int channel_wait(struct fake_request *request, int milliseconds)
{
    struct fake_kernel *kernel = request->kernel;
    struct deadline deadline = deadline_in(milliseconds);
    int result = 0;

    pthread_mutex_lock(&kernel->lock);
    while (request->state != REQUEST_IS_DONE && result == 0)
        result = kernel->receiving ? sleep_until_changed(request, &deadline)
                                   : receive_for_all(kernel, &deadline);
    /* Somebody else takes over. */
    if (!kernel->receiving && !TAILQ_EMPTY(&kernel->waiters))
        pthread_cond_signal(&TAILQ_FIRST(&kernel->waiters)->changed);
    result = request->state == REQUEST_IS_DONE ? 0 : -ETIMEDOUT;
    pthread_mutex_unlock(&kernel->lock);
    return result;
}

void channel_drain(struct fake_kernel *kernel)
{
    struct deadline now = deadline_in(0);

    pthread_mutex_lock(&kernel->lock);
    while (!kernel->receiving && !kernel->gone && receive_for_all(kernel, &now) == 0)
        ;
    if (!kernel->receiving && !TAILQ_EMPTY(&kernel->waiters))
        pthread_cond_signal(&TAILQ_FIRST(&kernel->waiters)->changed);
    pthread_mutex_unlock(&kernel->lock);
}
