/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_MAX 511 /* fuse_dev_do_write: 512 and above are the kernel's own */

void record_violation(struct fake_kernel *kernel, const struct fake_request *request,
                      const char *format, ...)
{
    va_list arguments;
    char text[VIOLATION_SIZE / 2];

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (kernel->violations < VIOLATIONS_KEPT) {
        char *kept = kernel->violation_texts[kernel->violations];
        if (request != NULL)
            snprintf(kept, VIOLATION_SIZE, "%s (unique %llu): %s", request->operation->name,
                     (unsigned long long)request->unique, text);
        else
            snprintf(kept, VIOLATION_SIZE, "%s", text);
    }
    kernel->violations++;
}

bool answer_has_size(struct fake_request *request, const struct answer *answer, size_t size)
{
    if (answer->size == size)
        return true;
    record_violation(request->kernel, request, "a payload of %zu bytes instead of %zu",
                     answer->size, size);
    return false;
}

void reply_conclude(struct fake_request *request, const struct answer *answer)
{
    request->state = request->operation->answered(request, answer);
    if (request->state == REQUEST_IS_DONE)
        request_finish(request);
    else if (request->state == REQUEST_SENDS)
        STAILQ_INSERT_TAIL(&request->kernel->outgoing, request, outgoing);
}

static struct fake_request *find_request(struct fake_kernel *kernel, uint64_t unique)
{
    struct fake_request *request;

    SLIST_FOREACH(request, &kernel->buckets[unique / 2 % BUCKETS], bucket)
    if (request->unique == unique)
        return request;
    return NULL;
}

static void notification_received(struct fake_kernel *kernel, int code, const uint8_t *payload,
                                  size_t size)
{
    struct fuse_notify_poll_wakeup_out wakeup;

    if (code != FUSE_NOTIFY_POLL) {
        record_violation(kernel, NULL, "notification %d: a character device knows only %d", code,
                         FUSE_NOTIFY_POLL);
    } else if (size != sizeof wakeup) {
        record_violation(kernel, NULL, "poll notification with %zu bytes instead of %zu", size,
                         sizeof wakeup);
    } else {
        memcpy(&wakeup, payload, sizeof wakeup);
        poll_notified(kernel, wakeup.kh);
    }
}

/* fuse_dev_do_write: EAGAIN asks for the interrupt to be sent again, ENOSYS for none ever. */
static struct fake_request *interrupt_answered(struct fake_kernel *kernel,
                                               const struct fuse_out_header *header, size_t size)
{
    uint64_t unique = header->unique & ~UINT64_C(1);

    if (unique == 0 || unique > kernel->last_unique || size != sizeof *header ||
        (header->error != -EAGAIN && header->error != -ENOSYS)) {
        record_violation(kernel, NULL,
                         "a reply to INTERRUPT of unique %llu with error %d, %zu bytes",
                         (unsigned long long)unique, header->error, size);
        return NULL;
    }
    if (header->error == -ENOSYS)
        kernel->no_interrupt = true;
    return header->error == -EAGAIN ? find_request(kernel, unique) : NULL;
}

static void request_answered(struct fake_kernel *kernel, const struct fuse_out_header *header,
                             const uint8_t *payload, size_t size)
{
    struct fake_request *request = find_request(kernel, header->unique);
    struct answer answer = {.error = header->error, .payload = payload, .size = size};

    if (request == NULL) {
        record_violation(kernel, NULL, "a reply to unique %llu, which is not waiting for one",
                         (unsigned long long)header->unique);
        return;
    }
    SLIST_REMOVE(&kernel->buckets[header->unique / 2 % BUCKETS], request, fake_request, bucket);
    kernel->unanswered--;
    if (header->len != sizeof *header + size) {
        record_violation(kernel, request, "header says %u bytes, the message has %zu", header->len,
                         sizeof *header + size);
        answer = (struct answer){.error = -EIO};
    } else if (header->error > 0 || header->error < -ERROR_MAX) {
        record_violation(kernel, request, "error %d is not in -%d..0", header->error, ERROR_MAX);
        answer = (struct answer){.error = -EIO};
    } else if (header->error != 0 && size > 0) {
        record_violation(kernel, request, "%zu bytes beside error %d", size, header->error);
        answer = (struct answer){.error = -EIO};
    }
    reply_conclude(request, &answer);
}

struct fake_request *reply_received(struct fake_kernel *kernel, const uint8_t *message, size_t size)
{
    struct fuse_out_header header;

    if (size < sizeof header || size > MESSAGE_SIZE_MAX) {
        record_violation(kernel, NULL, "a message of %zu bytes", size);
        return NULL;
    }
    memcpy(&header, message, sizeof header);
    const uint8_t *payload = message + sizeof header;
    size -= sizeof header;
    if (header.unique == 0)
        notification_received(kernel, header.error, payload, size);
    else if ((header.unique & 1) != 0)
        return interrupt_answered(kernel, &header, size + sizeof header);
    else
        request_answered(kernel, &header, payload, size);
    return NULL;
}
