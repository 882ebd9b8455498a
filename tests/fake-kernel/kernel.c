/* SPDX-License-Identifier: BSD-3-Clause */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROTOCOL_MINOR 38 /* Linux 6.1; <linux/fuse.h> may be newer */
#define SOCKET_BUFFER_SIZE (1 << 19)
#define TRANSFER_SIZE_MIN 4096

/* ----------------------------------------------------------------------------------- CUSE_INIT */

static void prepare_init(struct fake_request *request, struct message *message)
{
    (void)request;
    message->in.init = (struct cuse_init_in){
        .major = FUSE_KERNEL_VERSION, .minor = PROTOCOL_MINOR, .flags = CUSE_UNRESTRICTED_IOCTL};
    message->in_size = sizeof message->in.init;
}

/* The value of DEVNAME in a list of KEY=VALUE strings that each end with a zero byte. */
static bool find_name(const char *list, size_t size, char *name, size_t name_size)
{
    static const char key[] = "DEVNAME=";

    for (size_t i = 0; i < size; i += strnlen(list + i, size - i) + 1) {
        size_t length = strnlen(list + i, size - i);
        if (length < sizeof key || strncmp(list + i, key, sizeof key - 1) != 0)
            continue;
        length -= sizeof key - 1;
        if (length >= name_size)
            return false;
        memcpy(name, list + i + sizeof key - 1, length);
        return true;
    }
    return false;
}

static uint32_t at_least(uint32_t value, uint32_t minimum)
{
    return value > minimum ? value : minimum;
}

/* cuse_process_init_reply: true if the kernel would make the device. */
static bool take_device(struct fake_kernel *kernel, const struct answer *answer)
{
    struct fake_device *device = &kernel->device;
    struct cuse_init_out out;

    if (answer->size < sizeof out || answer->size > sizeof out + CUSE_INIT_INFO_MAX)
        return false;
    memcpy(&out, answer->payload, sizeof out);
    *device = (struct fake_device){
        .major = out.dev_major,
        .minor = out.dev_minor,
        .flags = out.flags,
        .max_read = at_least(out.max_read, TRANSFER_SIZE_MIN),
        .max_write = at_least(out.max_write, TRANSFER_SIZE_MIN),
        .protocol_minor = out.minor,
    };
    return out.major == FUSE_KERNEL_VERSION && out.minor >= 11 &&
           find_name((const char *)answer->payload + sizeof out, answer->size - sizeof out,
                     device->name, sizeof device->name);
}

static enum request_state init_answered(struct fake_request *request, const struct answer *answer)
{
    request->result = answer->error;
    if (answer->error == 0 && !take_device(request->kernel, answer)) {
        record_violation(request->kernel, request, "a reply that makes no device");
        request->result = -EPROTO;
    }
    return REQUEST_IS_DONE;
}

static const struct operation init_operation = {
    .name = "CUSE_INIT", .opcode = CUSE_INIT, .prepare = prepare_init, .answered = init_answered};

int fake_kernel_wait_device(struct fake_kernel *kernel, int milliseconds,
                            struct fake_device *device)
{
    ssize_t result;

    if (kernel->init != NULL) {
        if (fake_wait(kernel->init, milliseconds, &result) != 0)
            return -ETIMEDOUT;
        kernel->init = NULL;
        kernel->init_result = (int)result;
        /* cuse_process_init_reply: the kernel aborts the connection. */
        if (result != 0)
            fake_kernel_hang_up(kernel);
    }
    *device = kernel->device;
    return kernel->init_result;
}

/* -------------------------------------------------------------------------------- life and death
 */

static void raise_buffers(int fd)
{
    int size = SOCKET_BUFFER_SIZE;

    /* Above net.core.wmem_max with CAP_NET_ADMIN only; without it the default maximum will do. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int fake_kernel_create(struct fake_kernel **kernel, int *server_fd)
{
    struct fake_kernel *created;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -errno;
    raise_buffers(ends[0]);
    raise_buffers(ends[1]);
    created = allocate(sizeof *created);
    created->fd = ends[0];
    created->timeout = -1;
    created->uid = getuid();
    created->gid = getgid();
    created->pid = (uint32_t)getpid();
    pthread_mutex_init(&created->send_lock, NULL);
    pthread_mutex_init(&created->lock, NULL);
    LIST_INIT(&created->files);
    TAILQ_INIT(&created->waiters);
    STAILQ_INIT(&created->outgoing);
    created->init = request_new(created, NULL, &init_operation);
    channel_send_request(created->init);
    *server_fd = ends[1];
    *kernel = created;
    return 0;
}

void fake_kernel_hang_up(struct fake_kernel *kernel)
{
    shutdown(kernel->fd, SHUT_RDWR);
    channel_is_gone(kernel);
}

void fake_kernel_destroy(struct fake_kernel *kernel)
{
    fake_kernel_hang_up(kernel);
    if (kernel->init != NULL)
        request_free(kernel->init);
    close(kernel->fd);
    pthread_mutex_destroy(&kernel->send_lock);
    pthread_mutex_destroy(&kernel->lock);
    free(kernel);
}

void fake_kernel_set_timeout(struct fake_kernel *kernel, int milliseconds)
{
    kernel->timeout = milliseconds;
}

/* ------------------------------------------------------------------------------------- questions
 */

bool fake_kernel_is_gone(struct fake_kernel *kernel)
{
    channel_drain(kernel);
    pthread_mutex_lock(&kernel->lock);
    bool gone = kernel->gone;
    pthread_mutex_unlock(&kernel->lock);
    return gone;
}

unsigned fake_kernel_violations(struct fake_kernel *kernel)
{
    channel_drain(kernel);
    pthread_mutex_lock(&kernel->lock);
    unsigned violations = kernel->violations;
    pthread_mutex_unlock(&kernel->lock);
    return violations;
}

const char *fake_kernel_violation(struct fake_kernel *kernel, unsigned i)
{
    bool is_kept = i < fake_kernel_violations(kernel) && i < VIOLATIONS_KEPT;

    return is_kept ? kernel->violation_texts[i] : NULL;
}

unsigned fake_kernel_unanswered(struct fake_kernel *kernel)
{
    channel_drain(kernel);
    pthread_mutex_lock(&kernel->lock);
    unsigned unanswered = kernel->unanswered;
    pthread_mutex_unlock(&kernel->lock);
    return unanswered;
}
