/* SPDX-License-Identifier: BSD-3-Clause */
/* read and write: fuse_direct_io of Linux. */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* As much as goes into one request: no more than `maximum` bytes and 32 pages of memory. */
static size_t part_size(const struct transfer *transfer, size_t maximum)
{
    uintptr_t address = (uintptr_t)transfer->data + transfer->position;
    size_t in_pages = PAGES_PER_REQUEST * PAGE_SIZE - address % PAGE_SIZE;
    size_t rest = transfer->size - transfer->position;
    size_t part = rest < maximum ? rest : maximum;

    return part < in_pages ? part : in_pages;
}

static void prepare_read(struct fake_request *request, struct message *message)
{
    struct transfer *transfer = &request->call.transfer;

    transfer->part = part_size(transfer, request->kernel->device.max_read);
    message->in.read = (struct fuse_read_in){
        .fh = request->file->fh,
        .offset = transfer->position,
        .size = (uint32_t)transfer->part,
        .read_flags = FUSE_READ_LOCKOWNER,
        .lock_owner = request->file->lock_owner,
        .flags = request->file->flags,
    };
    message->in_size = sizeof message->in.read;
}

static void prepare_write(struct fake_request *request, struct message *message)
{
    struct transfer *transfer = &request->call.transfer;

    transfer->part = part_size(transfer, request->kernel->device.max_write);
    message->in.write = (struct fuse_write_in){
        .fh = request->file->fh,
        .offset = transfer->position,
        .size = (uint32_t)transfer->part,
        .write_flags = FUSE_WRITE_LOCKOWNER,
        .lock_owner = request->file->lock_owner,
        .flags = request->file->flags,
    };
    message->in_size = sizeof message->in.write;
    message->data = transfer->data + transfer->position;
    message->data_size = transfer->part;
}

/* A part of `done` bytes, or an error: the whole call's result is what was done before, if any. */
static enum request_state part_done(struct fake_request *request, ssize_t done)
{
    struct transfer *transfer = &request->call.transfer;

    if (done > 0)
        transfer->position += (size_t)done;
    request->result = done < 0 && transfer->position == 0 ? done : (ssize_t)transfer->position;
    if (done < 0 || (size_t)done < transfer->part || transfer->position == transfer->size)
        return REQUEST_IS_DONE;
    return REQUEST_SENDS;
}

static enum request_state read_answered(struct fake_request *request, const struct answer *answer)
{
    struct transfer *transfer = &request->call.transfer;

    if (answer->error != 0)
        return part_done(request, answer->error);
    if (answer->size > transfer->part) {
        record_violation(request->kernel, request, "%zu bytes where %zu were asked for",
                         answer->size, transfer->part);
        return part_done(request, -EIO);
    }
    if (!request->abandoned)
        memcpy(transfer->data + transfer->position, answer->payload, answer->size);
    return part_done(request, (ssize_t)answer->size);
}

static enum request_state write_answered(struct fake_request *request, const struct answer *answer)
{
    struct transfer *transfer = &request->call.transfer;
    struct fuse_write_out out;

    if (answer->error != 0)
        return part_done(request, answer->error);
    if (!answer_has_size(request, answer, sizeof out))
        return part_done(request, -EIO);
    memcpy(&out, answer->payload, sizeof out);
    if (out.size > transfer->part) {
        record_violation(request->kernel, request, "%u bytes taken of %zu", out.size,
                         transfer->part);
        return part_done(request, -EIO);
    }
    return part_done(request, out.size);
}

static const struct operation read_operation = {
    .name = "READ", .opcode = FUSE_READ, .prepare = prepare_read, .answered = read_answered};

static const struct operation write_operation = {
    .name = "WRITE", .opcode = FUSE_WRITE, .prepare = prepare_write, .answered = write_answered};

/* Nothing to transfer: the kernel sends nothing. */
static void finish_at_once(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;

    pthread_mutex_lock(&kernel->lock);
    request->state = REQUEST_IS_DONE;
    request_finish(request);
    pthread_mutex_unlock(&kernel->lock);
}

static struct fake_request *submit(struct fake_file *file, const struct operation *operation,
                                   void *data, size_t size)
{
    struct fake_request *request = request_on_file(file, operation);

    request->call.transfer = (struct transfer){.data = data, .size = size};
    if (size > 0)
        channel_send_request(request);
    else
        finish_at_once(request);
    return request;
}

struct fake_request *fake_submit_read(struct fake_file *file, void *data, size_t size)
{
    return submit(file, &read_operation, data, size);
}

struct fake_request *fake_submit_write(struct fake_file *file, const void *data, size_t size)
{
    return submit(file, &write_operation, (void *)(uintptr_t)data, size);
}

ssize_t fake_read(struct fake_file *file, void *data, size_t size)
{
    return request_complete(fake_submit_read(file, data, size));
}

ssize_t fake_write(struct fake_file *file, const void *data, size_t size)
{
    return request_complete(fake_submit_write(file, data, size));
}
