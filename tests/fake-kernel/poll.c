/* SPDX-License-Identifier: BSD-3-Clause */
/* poll: fuse_file_poll and fs/select.c of Linux. */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* What a file is ready for that cannot be polled (DEFAULT_POLLMASK). */
#define READY_FOR_ALL (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

static void prepare_poll(struct fake_request *request, struct message *message)
{
    struct poll_call *call = &request->call.poll;

    call->notified = false;
    if (call->waits)
        request->file->polled = true;
    message->in.poll = (struct fuse_poll_in){
        .fh = request->file->fh,
        .kh = request->file->kh,
        .flags = call->waits ? FUSE_POLL_SCHEDULE_NOTIFY : 0,
        .events = (uint16_t)call->events,
    };
    message->in_size = sizeof message->in.poll;
}

/* The events that are there, as the server's reply says. */
static unsigned events_in(struct fake_request *request, const struct answer *answer)
{
    struct fuse_poll_out out;

    if (answer->error == -ENOSYS) {
        request->kernel->no_poll = true;
        return READY_FOR_ALL;
    }
    if (answer->error != 0 || !answer_has_size(request, answer, sizeof out))
        return POLLERR;
    memcpy(&out, answer->payload, sizeof out);
    return out.revents;
}

static enum request_state poll_answered(struct fake_request *request, const struct answer *answer)
{
    struct poll_call *call = &request->call.poll;
    unsigned events = events_in(request, answer) & (unsigned)call->events;

    request->result = (ssize_t)events;
    if (events != 0 || !call->waits || call->last_look)
        return REQUEST_IS_DONE;
    if (request->interrupted) {
        request->result = -EINTR;
        return REQUEST_IS_DONE;
    }
    return call->notified ? REQUEST_SENDS : REQUEST_AWAITS_NOTICE;
}

const struct operation poll_operation = {
    .name = "POLL", .opcode = FUSE_POLL, .prepare = prepare_poll, .answered = poll_answered};

/* Lock held. */
static void look_again(struct fake_request *request)
{
    request->call.poll.notified = true;
    if (request->state != REQUEST_AWAITS_NOTICE)
        return;
    request->state = REQUEST_SENDS;
    STAILQ_INSERT_TAIL(&request->kernel->outgoing, request, outgoing);
}

void poll_wake(struct fake_file *file)
{
    struct fake_request *request;

    LIST_FOREACH(request, &file->requests, of_file)
    if (request->operation == &poll_operation)
        look_again(request);
}

void poll_notified(struct fake_kernel *kernel, uint64_t kh)
{
    struct fake_file *file;

    LIST_FOREACH(file, &kernel->files, entry)
    if (file->kh == kh && file->polled)
        break;
    if (file != NULL)
        poll_wake(file);
    else
        record_violation(kernel, NULL, "a notification for kh %llu, which nobody polls",
                         (unsigned long long)kh);
}

static struct fake_request *submit(struct fake_file *file, short events, bool waits)
{
    struct fake_request *request = request_on_file(file, &poll_operation);

    request->call.poll =
        (struct poll_call){.events = (short)(events | POLLERR | POLLHUP), .waits = waits};
    channel_send_request(request);
    return request;
}

struct fake_request *fake_submit_poll(struct fake_file *file, short events)
{
    return submit(file, events, true);
}

/* The time is up: one last look, as poll(2) takes it. */
static void look_for_the_last_time(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;

    pthread_mutex_lock(&kernel->lock);
    request->call.poll.last_look = true;
    look_again(request);
    pthread_mutex_unlock(&kernel->lock);
    channel_flush(kernel);
}

int fake_poll(struct fake_file *file, short events, int milliseconds)
{
    if (file->kernel->no_poll)
        return events & READY_FOR_ALL;
    struct fake_request *request = submit(file, events, milliseconds != 0);
    if (milliseconds != 0 && channel_wait(request, milliseconds) != 0)
        look_for_the_last_time(request);
    return (int)request_complete(request);
}
