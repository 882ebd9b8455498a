/* SPDX-License-Identifier: BSD-3-Clause */
/* ioctl: fuse_do_ioctl of Linux. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void ioctl_free(struct ioctl_call *call)
{
    free(call->gathered);
    free(call);
}

static size_t total(const struct iovec *vectors, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += vectors[i].iov_len;
    return size;
}

static void prepare_ioctl(struct fake_request *request, struct message *message)
{
    struct ioctl_call *call = request->call.ioctl;

    message->in.ioctl = (struct fuse_ioctl_in){
        .fh = request->file->fh,
        .flags = call->unrestricted ? FUSE_IOCTL_UNRESTRICTED : 0,
        .cmd = call->command,
        .arg = (uint64_t)(uintptr_t)call->argument,
        .in_size = (uint32_t)call->in_size,
        .out_size = (uint32_t)call->out_size,
    };
    message->in_size = sizeof message->in.ioctl;
    message->data = call->unrestricted ? call->gathered : call->argument;
    message->data_size = call->in_size;
}

/* Addresses of an unrestricted call come from the server: a bad one is EFAULT and not a crash. */
static ssize_t copy_in(uint8_t *to, size_t size, const struct iovec *from, unsigned count)
{
    struct iovec local = {.iov_base = to, .iov_len = size};

    if (size == 0)
        return 0;
    return process_vm_readv(getpid(), &local, 1, from, count, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static ssize_t copy_out(const uint8_t *from, size_t size, const struct iovec *to, unsigned count)
{
    struct iovec local = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};

    if (size == 0)
        return 0;
    return process_vm_writev(getpid(), &local, 1, to, count, 0) == (ssize_t)size ? 0 : -EFAULT;
}

/* Takes the server's list of vectors: fuse_copy_ioctl_iovec and fuse_verify_ioctl_iov. */
static ssize_t take_vectors(struct ioctl_call *call, const struct fuse_ioctl_out *out,
                            const uint8_t *data, size_t size)
{
    size_t count = (size_t)out->in_iovs + out->out_iovs;
    struct fuse_ioctl_iovec vector;

    if (out->in_iovs > FUSE_IOCTL_MAX_IOV || out->out_iovs > FUSE_IOCTL_MAX_IOV ||
        count > FUSE_IOCTL_MAX_IOV)
        return -ENOMEM;
    if (size != count * sizeof vector)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        memcpy(&vector, data + i * sizeof vector, sizeof vector);
        if (vector.len > PAGES_PER_REQUEST * PAGE_SIZE)
            return -ENOMEM;
        call->vectors[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)vector.base, .iov_len = vector.len};
    }
    call->in_count = out->in_iovs;
    call->out_count = out->out_iovs;
    call->in_size = total(call->vectors, call->in_count);
    call->out_size = total(call->vectors + call->in_count, call->out_count);
    if (call->in_size > PAGES_PER_REQUEST * PAGE_SIZE ||
        call->out_size > PAGES_PER_REQUEST * PAGE_SIZE)
        return -ENOMEM;
    return 0;
}

static ssize_t retry(struct fake_request *request, const struct fuse_ioctl_out *out,
                     const uint8_t *data, size_t size)
{
    struct ioctl_call *call = request->call.ioctl;

    if (!call->unrestricted) {
        record_violation(request->kernel, request, "a retry on a restricted device");
        return -EIO;
    }
    ssize_t error = take_vectors(call, out, data, size);
    if (error != 0) {
        record_violation(request->kernel, request, "a retry with %u + %u vectors in %zu bytes: %s",
                         out->in_iovs, out->out_iovs, size, strerror((int)-error));
        return error;
    }
    free(call->gathered);
    call->gathered = allocate(call->in_size + 1);
    return copy_in(call->gathered, call->in_size, call->vectors, call->in_count);
}

static ssize_t finish(struct fake_request *request, const struct fuse_ioctl_out *out,
                      const uint8_t *data, size_t size)
{
    struct ioctl_call *call = request->call.ioctl;
    ssize_t error = 0;

    if (size > call->out_size) {
        record_violation(request->kernel, request, "%zu bytes where the caller takes %zu", size,
                         call->out_size);
        return -EIO;
    }
    if (call->unrestricted)
        error = copy_out(data, size, call->vectors + call->in_count, call->out_count);
    else if (size > 0)
        memcpy(call->argument, data, size);
    return error != 0 ? error : out->result == -ENOSYS ? -ENOTTY : out->result;
}

static enum request_state ioctl_answered(struct fake_request *request, const struct answer *answer)
{
    struct fuse_ioctl_out out;

    request->result = answer->error == -ENOSYS ? -ENOTTY : answer->error;
    if (answer->error != 0 || request->abandoned)
        return REQUEST_IS_DONE;
    if (answer->size < sizeof out) {
        record_violation(request->kernel, request, "a payload of %zu bytes", answer->size);
        request->result = -EIO;
        return REQUEST_IS_DONE;
    }
    memcpy(&out, answer->payload, sizeof out);
    const uint8_t *data = answer->payload + sizeof out;
    size_t size = answer->size - sizeof out;
    if ((out.flags & FUSE_IOCTL_RETRY) == 0) {
        request->result = finish(request, &out, data, size);
        return REQUEST_IS_DONE;
    }
    request->result = retry(request, &out, data, size);
    return request->result == 0 ? REQUEST_SENDS : REQUEST_IS_DONE;
}

const struct operation ioctl_operation = {
    .name = "IOCTL", .opcode = FUSE_IOCTL, .prepare = prepare_ioctl, .answered = ioctl_answered};

struct fake_request *fake_submit_ioctl(struct fake_file *file, unsigned command, void *argument)
{
    struct fake_request *request = request_on_file(file, &ioctl_operation);
    struct ioctl_call *call = allocate(sizeof *call);
    bool unrestricted = (file->kernel->device.flags & CUSE_UNRESTRICTED_IOCTL) != 0;

    call->command = command;
    call->argument = argument;
    call->unrestricted = unrestricted;
    if (!unrestricted && (_IOC_DIR(command) & _IOC_WRITE) != 0)
        call->in_size = _IOC_SIZE(command);
    if (!unrestricted && (_IOC_DIR(command) & _IOC_READ) != 0)
        call->out_size = _IOC_SIZE(command);
    request->call.ioctl = call;
    channel_send_request(request);
    return request;
}

int fake_ioctl(struct fake_file *file, unsigned command, void *argument)
{
    return (int)request_complete(fake_submit_ioctl(file, command, argument));
}
