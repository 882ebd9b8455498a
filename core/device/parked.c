/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/parked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void parked_init(struct parked_queue *queue)
{
    TAILQ_INIT(queue);
}

/* Called by libfuse while it holds the request's lock: it may be answered, no more. */
static void interrupted(fuse_req_t request, void *data)
{
    struct parked_request *parked = data;

    TAILQ_REMOVE(parked->queue, parked, neighbours);
    parked_free(parked);
    fuse_reply_err(request, EINTR);
}

void parked_add(struct parked_queue *queue, fuse_req_t request, struct session *session,
                unsigned command, const void *input, size_t size)
{
    size_t input_size = input != NULL ? size : 0;
    struct parked_request *parked = malloc(sizeof *parked + input_size);

    if (parked == NULL) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    *parked = (struct parked_request){.queue = queue,
                                      .request = request,
                                      .session = session,
                                      .size = input != NULL ? 0 : size,
                                      .command = command,
                                      .input_size = input_size};
    if (input_size > 0)
        memcpy(parked->input, input, input_size);
    TAILQ_INSERT_TAIL(queue, parked, neighbours);
    /* May answer and free the request at once, if its interrupt came first. */
    fuse_req_interrupt_func(request, interrupted, parked);
}

struct parked_request *parked_take(struct parked_queue *queue)
{
    struct parked_request *parked = TAILQ_FIRST(queue);

    if (parked == NULL)
        return NULL;
    TAILQ_REMOVE(queue, parked, neighbours);
    fuse_req_interrupt_func(parked->request, NULL, NULL);
    return parked;
}

void parked_free(struct parked_request *parked)
{
    explicit_bzero(parked->input, parked->input_size);
    free(parked);
}
