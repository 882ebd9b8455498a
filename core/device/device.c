/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/device.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/channel.h"
#include "device/command_channel.h"
#include "device/control.h"
#include "device/fuse.h"
#include "device/session.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"
#include "util/file.h"
#include "util/log.h"

#define CUSE_PATH "/dev/cuse"

struct device {
    struct channel channel;
    struct fuse_session *fuse;
    struct session *sessions;
    struct command_channel commands;
    struct control control;
    bool made;
    bool reply_lost; /* the channel did not take one */
    char name_argument[256]; /* "DEVNAME=…", for CUSE_INIT */
};

static struct device *device_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static struct session *session_of(const struct fuse_file_info *file)
{
    return (struct session *)(uintptr_t)file->fh;
}

/* --------------------------------------------------------------------------------- sessions */

static void drop_poll_handle(struct session *session)
{
    if (session->poll_handle != NULL)
        fuse_pollhandle_destroy(session->poll_handle);
    session->poll_handle = NULL;
}

static void drop_transfers(struct session *session)
{
    if (session->download.active)
        state_download_drop(&session->download);
    if (session->upload.active)
        state_upload_drop(&session->upload);
}

static void close_session(struct device *device, struct session *session)
{
    struct session **link = &device->sessions;

    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    command_channel_leave(&device->commands, session);
    drop_transfers(session);
    drop_poll_handle(session);
    free(session);
}

/* One notification for each handle: whoever goes on polling brings a new one (fuse(4)). */
static void notify_poller(struct session *session)
{
    if (session->poll_handle != NULL)
        fuse_lowlevel_notify_poll(session->poll_handle);
    drop_poll_handle(session);
}

static void notify_pollers(struct device *device)
{
    for (struct session *session = device->sessions; session != NULL; session = session->next)
        notify_poller(session);
}

/* Once the TPM runs, no blob can be set: what is written is a command again. */
static bool write_belongs_to_blob(const struct session *session)
{
    return session->upload.by_write && !worker_is_busy() && !tpm_is_running();
}

static unsigned poll_events(const struct device *device, const struct session *session)
{
    unsigned events = command_channel_poll(&device->commands, session);

    if (session->download.active)
        events |= POLLIN | POLLRDNORM;
    if (write_belongs_to_blob(session))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

/* -------------------------------------------------------------------- what libfuse calls */

static void on_init(void *userdata, struct fuse_conn_info *connection)
{
    (void)userdata;
    connection->max_write = CHANNEL_WRITE_MAX;
}

static void on_init_done(void *userdata)
{
    struct device *device = userdata;
    device->made = true;
}

static void on_open(fuse_req_t request, struct fuse_file_info *file)
{
    struct device *device = device_of(request);
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    session->next = device->sessions;
    device->sessions = session;
    file->fh = (uintptr_t)session;
    file->direct_io = 1;
    file->nonseekable = 1;
    /* An interrupted open has no release (fuse_lowlevel.h). */
    if (fuse_reply_open(request, file) == -ENOENT)
        close_session(device, session);
}

static void on_release(fuse_req_t request, struct fuse_file_info *file)
{
    struct device *device = device_of(request);

    close_session(device, session_of(file));
    fuse_reply_err(request, 0);
    notify_pollers(device);
}

static void read_blob(fuse_req_t request, struct session *session, size_t size)
{
    struct swtpm_bytes part = state_download_read(&session->download, size);

    /* An interrupted reader does not get the part: it stays for the next one. */
    if (fuse_reply_buf(request, part.data, part.size) == 0)
        state_download_taken(&session->download);
}

static void on_read(fuse_req_t request, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)offset;
    struct session *session = session_of(file);
    bool nonblocking = (file->flags & O_NONBLOCK) != 0;

    if (session->download.active)
        read_blob(request, session, size);
    else
        command_channel_read(&device_of(request)->commands, request, session, size, nonblocking);
}

static void write_blob(fuse_req_t request, struct session *session, struct swtpm_bytes data)
{
    int error = state_upload_write(&session->upload, data);

    if (error != 0)
        fuse_reply_err(request, error);
    else
        fuse_reply_write(request, data.size);
}

static void on_write(fuse_req_t request, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    (void)offset;
    struct session *session = session_of(file);
    struct swtpm_bytes bytes = {.data = data, .size = size};

    if (write_belongs_to_blob(session)) {
        write_blob(request, session, bytes);
        return;
    }
    if (command_channel_write(&device_of(request)->commands, request, session, bytes))
        drop_transfers(session);
    notify_poller(session);
}

static void on_ioctl(fuse_req_t request, int command, void *argument, struct fuse_file_info *file,
                     unsigned flags, const void *input, size_t input_size, size_t output_size)
{
    (void)argument;
    (void)flags;
    struct device *device = device_of(request);

    control_call(&device->control, request, session_of(file), (unsigned)command, input,
                 input_size, output_size);
    /* Whether the TPM runs decides for all sessions what write() means. */
    notify_pollers(device);
}

static void on_poll(fuse_req_t request, struct fuse_file_info *file,
                    struct fuse_pollhandle *handle)
{
    struct session *session = session_of(file);

    if (handle != NULL) {
        drop_poll_handle(session);
        session->poll_handle = handle;
    }
    fuse_reply_poll(request, poll_events(device_of(request), session));
}

static const struct cuse_lowlevel_ops operations = {
    .init = on_init,
    .init_done = on_init_done,
    .open = on_open,
    .release = on_release,
    .read = on_read,
    .write = on_write,
    .ioctl = on_ioctl,
    .poll = on_poll,
};

/* ENOENT, "nobody waits for this reply any more", is the one error about which libfuse is silent.
 * For all others it calls perror(3), whose dup(2) the sandbox answers with the end of the process;
 * and where the channel is a socket, its end is EPIPE. */
static ssize_t channel_writev(int fd, struct iovec *vector, int count, void *userdata)
{
    struct device *device = userdata;
    ssize_t written = channel_send(fd, vector, count);

    if (written < 0 && errno != ENOENT && errno != EPIPE) {
        log_error("A reply was not taken by the CUSE channel: %s", strerror(errno));
        device->reply_lost = true;
    }
    if (written < 0)
        errno = ENOENT;
    return written;
}

/* libfuse demands it, though requests come through channel_receive. */
static ssize_t channel_read(int fd, void *buffer, size_t size, void *userdata)
{
    (void)userdata;
    return read(fd, buffer, size);
}

static void log_from_libfuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    char text[256];

    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_write(level <= FUSE_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "libfuse: %s", text);
}

/* --------------------------------------------------------------------------- life cycle */

int device_open_channel(struct error *error)
{
    int fd = file_open(CUSE_PATH, O_RDWR, 0, error);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENODEV)
        error_set(error, CUSE_PATH " does not exist; load the kernel module with 'modprobe cuse'");
    else
        error_prefix(error, "start as root, or hand the channel over with --cuse-fd: ");
    return -1;
}

/* libfuse gets memory for each request with calloc(3), which the cache of glibc's malloc does not
 * serve.  Fast bins do, if they take pieces of that size; else each request splits and joins the
 * free memory at the end of the heap, a fifth of all instructions for a quick command. */
static void keep_request_memory_at_hand(void)
{
    enum { FAST_MAX = 160 }; /* the most that mallopt(3) allows */
    mallopt(M_MXFAST, FAST_MAX);
}

static struct fuse_session *new_fuse_session(struct device *device,
                                             const struct device_parameters *parameters)
{
    char program[] = "swtpm_cuse";
    char *arguments[] = {program, NULL};
    struct fuse_args fuse_arguments = FUSE_ARGS_INIT(1, arguments);
    const char *device_arguments[] = {device->name_argument};
    const struct cuse_info info = {
        .dev_major = parameters->major,
        .dev_minor = parameters->minor,
        .dev_info_argc = 1,
        .dev_info_argv = device_arguments,
    };

    struct fuse_session *session = cuse_lowlevel_new(&fuse_arguments, &info, &operations, device);
    /* libfuse may have put a copy of the arguments there. */
    fuse_opt_free_args(&fuse_arguments);
    return session;
}

/* libfuse gets a duplicate, since it closes what it was given. */
static int attach_channel(struct device *device)
{
    const struct fuse_custom_io io = {.writev = channel_writev, .read = channel_read};
    int fd = fcntl(device->channel.fd, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0 && fuse_session_custom_io(device->fuse, &io, fd) == 0)
        return 0;
    if (fd >= 0)
        close(fd);
    return -1;
}

int device_new(const struct device_parameters *parameters, struct device **result,
               struct error *error)
{
    struct device *device = calloc(1, sizeof *device);

    if (device == NULL) {
        close(parameters->channel_fd);
        error_set(error, "no memory for the device");
        return -1;
    }
    parked_init(&device->commands.readers);
    parked_init(&device->control.waiting);
    if (channel_open(&device->channel, parameters->channel_fd, error) != 0)
        goto fail;
    snprintf(device->name_argument, sizeof device->name_argument, "DEVNAME=%s", parameters->name);
    fuse_set_log_func(log_from_libfuse);
    keep_request_memory_at_hand();
    device->fuse = new_fuse_session(device, parameters);
    if (device->fuse == NULL || attach_channel(device) != 0) {
        error_set(error, "libfuse cannot prepare a CUSE session for /dev/%s", parameters->name);
        goto fail;
    }
    *result = device;
    return 0;

fail:
    device_free(device);
    return -1;
}

static void process_request(struct device *device, size_t size)
{
    struct fuse_buf request = {.size = size, .mem = device->channel.request};

    fuse_session_process_buf(device->fuse, &request);
    channel_wipe_request(&device->channel, size);
}

int device_make(struct device *device, struct error *error)
{
    const char *name = device->name_argument + strlen("DEVNAME=");
    size_t size;

    while (!device->made && !channel_is_closed(&device->channel)) {
        enum channel_event event = channel_receive(&device->channel, -1, &size);
        if (event == CHANNEL_REQUEST)
            process_request(device, size);
        else if (event == CHANNEL_CLOSED)
            break;
        if (event == CHANNEL_FAILED) {
            error_set(error, "cannot make /dev/%s: the CUSE channel cannot be read: %s", name,
                      strerror(errno));
            return -1;
        }
    }
    /* The kernel has tried to make the device by then, and closes the channel if it could not. */
    if (device->made && !device->reply_lost && !channel_is_closed(&device->channel))
        return 0;
    error_set(error,
              "the kernel did not make /dev/%s: is the name or the device number in use, or, without "
              "--maj, no major number left?", name);
    return -1;
}

void device_finish_command(struct device *device)
{
    worker_finish();
    notify_pollers(device);
}

static void finish_job(struct device *device)
{
    device_finish_command(device);
    control_run_waiting(&device->control);
}

enum device_event device_serve(struct device *device)
{
    size_t size;

    while (!device->control.shut_down) {
        int event_fd = worker_is_busy() ? worker_event_fd() : -1;
        switch (channel_receive(&device->channel, event_fd, &size)) {
        case CHANNEL_REQUEST:
            process_request(device, size);
            break;
        case CHANNEL_EVENT:
            finish_job(device);
            break;
        case CHANNEL_WOKEN:
            return DEVICE_WOKEN;
        case CHANNEL_CLOSED:
            return DEVICE_GONE;
        case CHANNEL_FAILED:
            log_error("The CUSE channel cannot be read any more: %s", strerror(errno));
            return DEVICE_FAILED;
        }
    }
    control_refuse_waiting(&device->control);
    return DEVICE_SHUT_DOWN;
}

void device_wake(struct device *device)
{
    channel_wake(&device->channel);
}

void device_free(struct device *device)
{
    if (device == NULL)
        return;
    control_refuse_waiting(&device->control);
    while (device->sessions != NULL)
        close_session(device, device->sessions);
    if (device->fuse != NULL)
        fuse_session_destroy(device->fuse);
    channel_close(&device->channel);
    free(device);
}
