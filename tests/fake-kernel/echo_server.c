/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest CUSE server that does everything a TPM device does: each open file answers a read
 * with what was last written to it.  It is the partner with which the fake kernel is checked
 * against the real one, and the floor that benchmarks compare the daemon with.
 *
 *   echo_server [--fd N] [--unrestricted] [--name NAME]
 *
 * --fd N names an open CUSE channel; without it /dev/cuse is opened.  The device is /dev/NAME
 * (default: echo).  The process ends when the channel is closed, or by SIGTERM.
 *
 * read    parks while there is nothing to read; EAGAIN with O_NONBLOCK; a short read leaves the
 *         rest; an interrupt ends a parked read with EINTR
 * write   replaces what was there
 * poll    POLLOUT always, POLLIN when there is something to read
 * ioctl   answers its argument with each byte inverted, as long as the caller's structure;
 *         its return value is the number of bytes that came in
 */
#define FUSE_USE_VERSION 314

#include <cuse_lowlevel.h>
#include <fuse_lowlevel.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <unistd.h>

#define MESSAGE_SIZE_MAX (1 << 20)

struct echo_file {
    char *message;
    size_t size;
    size_t position;
    fuse_req_t parked_read; /* NULL: none */
    size_t parked_size;
    struct fuse_pollhandle *waiter; /* NULL: nobody polls */
    LIST_ENTRY(echo_file) entry;
};

static LIST_HEAD(, echo_file) open_files = LIST_HEAD_INITIALIZER(open_files);

static struct echo_file *file_of(const struct fuse_file_info *info)
{
    return (struct echo_file *)(uintptr_t)info->fh;
}

static void echo_open(fuse_req_t request, struct fuse_file_info *info)
{
    struct echo_file *file = calloc(1, sizeof *file);

    if (file == NULL) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    LIST_INSERT_HEAD(&open_files, file, entry);
    info->fh = (uint64_t)(uintptr_t)file;
    info->direct_io = 1;
    info->nonseekable = 1;
    fuse_reply_open(request, info);
}

static void free_file(struct echo_file *file)
{
    LIST_REMOVE(file, entry);
    if (file->parked_read != NULL)
        fuse_reply_none(file->parked_read);
    if (file->waiter != NULL)
        fuse_pollhandle_destroy(file->waiter);
    free(file->message);
    free(file);
}

static void echo_release(fuse_req_t request, struct fuse_file_info *info)
{
    free_file(file_of(info));
    fuse_reply_err(request, 0);
}

static void answer_read(fuse_req_t request, struct echo_file *file, size_t size)
{
    size_t rest = file->size - file->position;
    size_t part = size < rest ? size : rest;
    const char *data = part > 0 ? file->message + file->position : NULL;

    file->position += part;
    fuse_reply_buf(request, data, part);
}

static void echo_interrupted(fuse_req_t request, void *data)
{
    struct echo_file *file = data;

    file->parked_read = NULL;
    fuse_reply_err(request, EINTR);
}

static void echo_read(fuse_req_t request, size_t size, off_t offset, struct fuse_file_info *info)
{
    struct echo_file *file = file_of(info);

    (void)offset;
    if (file->position < file->size) {
        answer_read(request, file, size);
    } else if ((info->flags & O_NONBLOCK) != 0) {
        fuse_reply_err(request, EAGAIN);
    } else if (file->parked_read != NULL) {
        fuse_reply_err(request, EBUSY);
    } else {
        file->parked_read = request;
        file->parked_size = size;
        fuse_req_interrupt_func(request, echo_interrupted, file);
    }
}

static void wake_reader(struct echo_file *file)
{
    fuse_req_t parked = file->parked_read;

    if (parked == NULL)
        return;
    file->parked_read = NULL;
    fuse_req_interrupt_func(parked, NULL, NULL);
    answer_read(parked, file, file->parked_size);
}

static void wake_poller(struct echo_file *file)
{
    if (file->waiter == NULL)
        return;
    fuse_lowlevel_notify_poll(file->waiter);
    fuse_pollhandle_destroy(file->waiter);
    file->waiter = NULL;
}

static void echo_write(fuse_req_t request, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *info)
{
    struct echo_file *file = file_of(info);
    size_t start = (size_t)offset; /* above 0: a further part of a write that the kernel split */

    if (start > MESSAGE_SIZE_MAX || size > MESSAGE_SIZE_MAX - start) {
        fuse_reply_err(request, E2BIG);
        return;
    }
    char *message = realloc(file->message, start + size);
    if (message == NULL) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    file->message = message;
    memcpy(message + start, data, size);
    file->size = start + size;
    file->position = 0;
    fuse_reply_write(request, size);
    wake_reader(file);
    wake_poller(file);
}

static void reply_inverted(fuse_req_t request, const unsigned char *data, size_t in_size,
                           size_t out_size)
{
    unsigned char *inverted = calloc(1, out_size + 1);

    if (inverted == NULL) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    for (size_t i = 0; i < out_size; i++)
        inverted[i] = (unsigned char)~(i < in_size ? data[i] : 0);
    fuse_reply_ioctl(request, (int)in_size, inverted, out_size);
    free(inverted);
}

static void echo_ioctl(fuse_req_t request, int command, void *argument, struct fuse_file_info *info,
                       unsigned flags, const void *data, size_t in_size, size_t out_size)
{
    unsigned number = (unsigned)command;
    size_t wanted_in = (_IOC_DIR(number) & _IOC_WRITE) != 0 ? _IOC_SIZE(number) : 0;
    size_t wanted_out = (_IOC_DIR(number) & _IOC_READ) != 0 ? _IOC_SIZE(number) : 0;

    (void)info;
    if (_IOC_TYPE(number) != 'E') {
        fuse_reply_err(request, EINVAL);
    } else if ((flags & FUSE_IOCTL_UNRESTRICTED) != 0 &&
               (in_size < wanted_in || out_size < wanted_out)) {
        struct iovec in = {.iov_base = argument, .iov_len = wanted_in};
        struct iovec out = {.iov_base = argument, .iov_len = wanted_out};
        fuse_reply_ioctl_retry(request, &in, wanted_in > 0, &out, wanted_out > 0);
    } else {
        reply_inverted(request, data, in_size, out_size);
    }
}

static void echo_poll(fuse_req_t request, struct fuse_file_info *info,
                      struct fuse_pollhandle *handle)
{
    struct echo_file *file = file_of(info);
    unsigned events = POLLOUT;

    if (file->position < file->size)
        events |= POLLIN;
    if (handle != NULL) {
        if (file->waiter != NULL)
            fuse_pollhandle_destroy(file->waiter);
        file->waiter = handle;
    }
    fuse_reply_poll(request, events);
}

static const struct cuse_lowlevel_ops echo_operations = {
    .open = echo_open,
    .release = echo_release,
    .read = echo_read,
    .write = echo_write,
    .ioctl = echo_ioctl,
    .poll = echo_poll,
};

struct echo_options {
    int fd;
    unsigned flags;
    const char *name;
};

static int parse_options(int argc, char *argv[], struct echo_options *options)
{
    static const struct option names[] = {
        {"fd", required_argument, NULL, 'f'},
        {"unrestricted", no_argument, NULL, 'u'},
        {"name", required_argument, NULL, 'n'},
        {0},
    };

    *options = (struct echo_options){.fd = -1, .name = "echo"};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (c == 'f')
            options->fd = atoi(optarg);
        else if (c == 'u')
            options->flags = CUSE_UNRESTRICTED_IOCTL;
        else if (c == 'n')
            options->name = optarg;
        else
            return -1;
    }
    return 0;
}

static int serve(const struct echo_options *options, int fd, char *program)
{
    char *arguments[] = {program, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    char name[64];
    char channel[32];
    const char *information[] = {name};

    snprintf(name, sizeof name, "DEVNAME=%s", options->name);
    snprintf(channel, sizeof channel, "/dev/fd/%d", fd);
    struct cuse_info info = {
        .dev_info_argc = 1, .dev_info_argv = information, .flags = options->flags};
    struct fuse_session *session = cuse_lowlevel_new(&args, &info, &echo_operations, NULL);
    fuse_opt_free_args(&args);
    if (session == NULL || fuse_session_mount(session, channel) != 0)
        return EXIT_FAILURE;
    fuse_set_signal_handlers(session);
    fuse_session_loop(session);
    while (!LIST_EMPTY(&open_files)) /* the channel was cut */
        free_file(LIST_FIRST(&open_files));
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    struct echo_options options;

    if (parse_options(argc, argv, &options) != 0)
        return EXIT_FAILURE;
    int fd = options.fd >= 0 ? options.fd : open("/dev/cuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "echo_server: open /dev/cuse: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return serve(&options, fd, argv[0]);
}
