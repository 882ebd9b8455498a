/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        abort();
    return memory;
}

struct fake_request *request_new(struct fake_kernel *kernel, struct fake_file *file,
                                 const struct operation *operation)
{
    struct fake_request *request = allocate(sizeof *request);

    request->kernel = kernel;
    request->file = file;
    request->operation = operation;
    pthread_cond_init(&request->changed, NULL);
    return request;
}

struct fake_request *request_on_file(struct fake_file *file, const struct operation *operation)
{
    struct fake_request *request = request_new(file->kernel, file, operation);

    pthread_mutex_lock(&file->kernel->lock);
    LIST_INSERT_HEAD(&file->requests, request, of_file);
    file->references++;
    pthread_mutex_unlock(&file->kernel->lock);
    return request;
}

void request_finish(struct fake_request *request)
{
    struct fake_file *file = request->file;
    bool counted = file != NULL && request->operation->opcode != FUSE_RELEASE;

    if (counted)
        LIST_REMOVE(request, of_file);
    pthread_cond_signal(&request->changed);
    if (request->detached)
        request_free(request);
    if (counted)
        file_put(file);
}

void request_free(struct fake_request *request)
{
    if (request->operation == &ioctl_operation)
        ioctl_free(request->call.ioctl);
    pthread_cond_destroy(&request->changed);
    free(request);
}

ssize_t request_complete(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;
    ssize_t result;

    if (fake_wait(request, kernel->timeout, &result) == 0)
        return result;
    pthread_mutex_lock(&kernel->lock);
    record_violation(kernel, request, "no reply within %d ms", kernel->timeout);
    pthread_mutex_unlock(&kernel->lock);
    fake_abandon(request);
    return -ETIMEDOUT;
}

int fake_wait(struct fake_request *request, int milliseconds, ssize_t *result)
{
    int status = channel_wait(request, milliseconds);

    if (status != 0)
        return status;
    *result = request->result;
    request_free(request);
    return 0;
}

void fake_interrupt(struct fake_request *request)
{
    channel_interrupt(request);
}

void fake_abandon(struct fake_request *request)
{
    struct fake_kernel *kernel = request->kernel;

    pthread_mutex_lock(&kernel->lock);
    request->abandoned = true;
    pthread_mutex_unlock(&kernel->lock);
    channel_interrupt(request); /* also waits for a send that reads the caller's memory */
    pthread_mutex_lock(&kernel->lock);
    if (request->state == REQUEST_IS_DONE)
        request_free(request);
    else
        request->detached = true;
    pthread_mutex_unlock(&kernel->lock);
}
