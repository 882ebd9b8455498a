/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/command_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tpm/tpm.h"
#include "tpm/worker.h"

/* ------------------------------------------------------------------------------ the response */

/* It may hold what was unsealed. */
static void drop_response(struct command_channel *channel)
{
    if (channel->response.size > 0)
        tpm_wipe_response();
    channel->response = (struct swtpm_bytes){0};
}

static void give_response(struct command_channel *channel, fuse_req_t request, size_t size)
{
    size_t length = channel->response.size < size ? channel->response.size : size;

    /* An interrupted reader does not get the response: it stays for the next one. */
    if (fuse_reply_buf(request, channel->response.data, length) != 0)
        return;
    if (length == channel->response.size) {
        drop_response(channel);
        return;
    }
    channel->response.data = (const uint8_t *)channel->response.data + length;
    channel->response.size -= length;
}

static void give_response_to_readers(struct command_channel *channel)
{
    struct parked_request *reader;

    while ((reader = parked_take(&channel->readers)) != NULL) {
        give_response(channel, reader->request, reader->size);
        parked_free(reader);
    }
}

static void keep_response(struct command_channel *channel, struct swtpm_bytes response)
{
    channel->response = response;
    /* The session that wrote the command may have closed meanwhile. */
    if (channel->owner == NULL)
        drop_response(channel);
}

/* ------------------------------------------------------------------------- with the worker */

static void run_on_worker(void *context)
{
    struct command_channel *channel = context;

    channel->storage_unlocked = tpm_is_running() && tpm_needs_storage_lock() &&
                                tpm_lock_storage(STORAGE_LOCK_RETRIES) != 0;
    if (channel->storage_unlocked)
        return;
    channel->response =
        tpm_process((struct swtpm_bytes){.data = channel->command, .size = channel->command_size});
}

static void answer_write(struct command_channel *channel)
{
    if (channel->unanswered_write == NULL)
        return;
    if (channel->storage_unlocked)
        fuse_reply_err(channel->unanswered_write, channel->write_interrupted ? EINTR : EIO);
    else
        fuse_reply_write(channel->unanswered_write, channel->command_size);
    channel->unanswered_write = NULL;
    tpm_allow_lock_waiting(true);
}

static void interrupt_write(fuse_req_t request, void *context)
{
    (void)request;
    struct command_channel *channel = context;

    channel->write_interrupted = true;
    tpm_allow_lock_waiting(false);
}

static void worker_done(void *context)
{
    struct command_channel *channel = context;

    channel->running = false;
    answer_write(channel);
    keep_response(channel, channel->response);
    explicit_bzero(channel->command, channel->command_size);
    give_response_to_readers(channel);
}

static void hand_over(struct command_channel *channel, struct swtpm_bytes command)
{
    memcpy(channel->command, command.data, command.size);
    channel->command_size = command.size;
    channel->running = true;
    worker_run(run_on_worker, worker_done, channel);
}

/* ---------------------------------------------------------------------------- client's calls */

static int refusal(const struct command_channel *channel, const struct session *session,
                   size_t size)
{
    if (size > TPM_COMMAND_MAX)
        return E2BIG;
    if (worker_is_busy() || (channel->owner != NULL && channel->owner != session))
        return EBUSY;
    return 0;
}

bool command_channel_write(struct command_channel *channel, fuse_req_t request,
                           struct session *session, struct swtpm_bytes command)
{
    int error = refusal(channel, session, command.size);

    if (error != 0) {
        fuse_reply_err(request, error);
        return false;
    }
    channel->owner = session;
    drop_response(channel);
    if (tpm_is_running() && tpm_needs_storage_lock()) {
        channel->unanswered_write = request;
        channel->write_interrupted = false;
        fuse_req_interrupt_func(request, interrupt_write, channel);
        hand_over(channel, command);
        return true;
    }
    /* Answered first: the client prepares its read while the TPM works. */
    fuse_reply_write(request, command.size);
    if (tpm_is_running() && tpm_command_is_slow(tpm_version(), command)) {
        tpm_announce_command();
        hand_over(channel, command);
    } else {
        keep_response(channel, tpm_process(command));
    }
    return true;
}

void command_channel_read(struct command_channel *channel, fuse_req_t request,
                          struct session *session, size_t size, bool nonblocking)
{
    if (channel->owner != session)
        fuse_reply_buf(request, NULL, 0);
    else if (!channel->running)
        give_response(channel, request, size);
    else if (nonblocking)
        fuse_reply_err(request, EAGAIN);
    else
        parked_add(&channel->readers, request, session, 0, NULL, size);
}

unsigned command_channel_poll(const struct command_channel *channel, const struct session *session)
{
    unsigned events = 0;

    if (channel->owner == session && !channel->running && channel->response.size > 0)
        events |= POLLIN | POLLRDNORM;
    if (refusal(channel, session, 0) == 0)
        events |= POLLOUT | POLLWRNORM;
    return events;
}

void command_channel_leave(struct command_channel *channel, const struct session *session)
{
    if (channel->owner != session)
        return;
    channel->owner = NULL;
    if (!channel->running)
        drop_response(channel);
}
