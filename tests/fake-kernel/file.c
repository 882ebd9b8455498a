/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_O_LARGEFILE 0100000 /* libc's is 0 where every file is large */
#define FLAGS_NOT_SENT (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

/* Lock held. */
static void file_free(struct fake_file *file)
{
    LIST_REMOVE(file, entry);
    free(file);
}

static void prepare_open(struct fake_request *request, struct message *message)
{
    message->in.open = (struct fuse_open_in){.flags = request->file->flags};
    message->in_size = sizeof message->in.open;
}

static enum request_state open_answered(struct fake_request *request, const struct answer *answer)
{
    struct fake_file *file = request->file;
    struct fuse_open_out out;

    request->result = answer->error;
    if (answer->error == -ENOSYS) {
        request->kernel->no_open = true;
        request->result = 0;
    } else if (answer->error == 0 && !answer_has_size(request, answer, sizeof out)) {
        request->result = -EIO;
    } else if (answer->error == 0) {
        memcpy(&out, answer->payload, sizeof out);
        file->fh = out.fh;
        file->is_open = true;
    }
    return REQUEST_IS_DONE;
}

static const struct operation open_operation = {
    .name = "OPEN", .opcode = FUSE_OPEN, .prepare = prepare_open, .answered = open_answered};

static void prepare_release(struct fake_request *request, struct message *message)
{
    const struct fake_file *file = request->file;

    message->in.release = (struct fuse_release_in){.fh = file->fh, .flags = file->flags};
    message->in_size = sizeof message->in.release;
}

static enum request_state release_answered(struct fake_request *request,
                                           const struct answer *answer)
{
    if (answer->error == 0)
        answer_has_size(request, answer, 0);
    request->result = 0;
    file_free(request->file);
    return REQUEST_IS_DONE;
}

static const struct operation release_operation = {.name = "RELEASE",
                                                   .opcode = FUSE_RELEASE,
                                                   .forced = true,
                                                   .prepare = prepare_release,
                                                   .answered = release_answered};

static struct fake_file *file_new(struct fake_kernel *kernel, int flags)
{
    struct fake_file *file = allocate(sizeof *file);

    file->kernel = kernel;
    file->flags = (uint32_t)((flags & ~FLAGS_NOT_SENT) | KERNEL_O_LARGEFILE);
    file->references = 1;
    LIST_INIT(&file->requests);
    pthread_mutex_lock(&kernel->lock);
    file->kh = ++kernel->last_kh;
    file->lock_owner = UINT64_C(0x9e3779b97f4a7c15) * file->kh;
    LIST_INSERT_HEAD(&kernel->files, file, entry);
    pthread_mutex_unlock(&kernel->lock);
    return file;
}

/* Drops the descriptor's reference. */
static void drop_descriptor(struct fake_file *file)
{
    struct fake_kernel *kernel = file->kernel;

    pthread_mutex_lock(&kernel->lock);
    file_put(file);
    pthread_mutex_unlock(&kernel->lock);
    channel_flush(kernel);
}

int fake_open(struct fake_kernel *kernel, int flags, struct fake_file **file)
{
    struct fake_file *opened;
    int error = 0;

    if (kernel->init != NULL || kernel->init_result != 0)
        return -ENODEV;
    opened = file_new(kernel, flags);
    if (!kernel->no_open) {
        struct fake_request *request = request_on_file(opened, &open_operation);
        channel_send_request(request);
        error = (int)request_complete(request);
    }
    if (error != 0)
        drop_descriptor(opened);
    else
        *file = opened;
    return error;
}

void file_put(struct fake_file *file)
{
    if (--file->references > 0)
        return;
    if (!file->is_open) {
        file_free(file);
        return;
    }
    struct fake_request *release = request_new(file->kernel, file, &release_operation);
    release->detached = true;
    STAILQ_INSERT_TAIL(&file->kernel->outgoing, release, outgoing);
}

int fake_close(struct fake_file *file)
{
    struct fake_kernel *kernel = file->kernel;

    pthread_mutex_lock(&kernel->lock);
    bool is_last = file->references == 1 && file->is_open;
    pthread_mutex_unlock(&kernel->lock);
    if (!is_last) {
        drop_descriptor(file);
        return 0;
    }
    struct fake_request *release = request_new(kernel, file, &release_operation);
    channel_send_request(release);
    return (int)request_complete(release);
}

int fake_kill(struct fake_file *file)
{
    channel_interrupt_all(file);
    return fake_close(file);
}

void fake_set_nonblocking(struct fake_file *file, bool nonblocking)
{
    if (nonblocking)
        file->flags |= O_NONBLOCK;
    else
        file->flags &= ~(uint32_t)O_NONBLOCK;
}
