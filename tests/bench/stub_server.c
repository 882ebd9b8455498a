/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floor: a CUSE server that answers every request at once with as many zero bytes as a TPM
 * would, one read(2) and one writev(2) for each, and nothing else.  No CUSE server that answers
 * each message by itself can do less.
 *
 *   stub_server [FD NAME]
 *
 * FD is an open CUSE channel; without it /dev/cuse is opened.  The device is /dev/NAME (default:
 * bench-stub).  The ioctl _IOW('S', 1, uint32_t) sets how many bytes a read gives; every other
 * ioctl is answered with zero bytes, as many as its number says.  Ends with the channel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

enum { PAYLOAD_MAX = 8192, REQUEST_MAX = 1 << 16 };

#define STUB_SET_RESPONSE_SIZE _IOW('S', 1, uint32_t)

static _Alignas(8) uint8_t request[REQUEST_MAX];
static const uint8_t zeros[PAYLOAD_MAX];
static uint32_t response_size = 10;
static const char *device_name = "bench-stub";

static void reply(int fd, const struct fuse_in_header *header, int error, const void *payload,
                  size_t size)
{
    struct fuse_out_header out = {
        .len = (uint32_t)(sizeof out + size), .error = error, .unique = header->unique};
    struct iovec parts[] = {{&out, sizeof out}, {(void *)(uintptr_t)payload, size}};
    ssize_t ignored = writev(fd, parts, size > 0 ? 2 : 1);

    (void)ignored; /* a caller who went away does not want it */
}

static void answer_init(int fd, const struct fuse_in_header *header)
{
    struct {
        struct cuse_init_out init;
        char information[256];
    } out = {.init = {.major = FUSE_KERNEL_VERSION,
                      .minor = FUSE_KERNEL_MINOR_VERSION,
                      .max_read = PAYLOAD_MAX,
                      .max_write = PAYLOAD_MAX}};

    snprintf(out.information, sizeof out.information, "DEVNAME=%s", device_name);
    reply(fd, header, 0, &out, sizeof out.init + strlen(out.information) + 1);
}

static void answer_ioctl(int fd, const struct fuse_in_header *header,
                         const struct fuse_ioctl_in *in)
{
    struct {
        struct fuse_ioctl_out ioctl;
        uint8_t data[PAYLOAD_MAX];
    } out;

    out.ioctl = (struct fuse_ioctl_out){0};
    if (in->cmd == STUB_SET_RESPONSE_SIZE && in->in_size == sizeof response_size)
        memcpy(&response_size, in + 1, sizeof response_size);
    if (response_size > PAYLOAD_MAX || in->out_size > PAYLOAD_MAX) {
        reply(fd, header, -EINVAL, NULL, 0);
        return;
    }
    memset(out.data, 0, in->out_size);
    reply(fd, header, 0, &out, sizeof out.ioctl + in->out_size);
}

static void answer(int fd)
{
    const struct fuse_in_header *header = (const void *)request;
    const void *in = header + 1;
    uint32_t size;

    switch (header->opcode) {
    case CUSE_INIT:
        answer_init(fd, header);
        break;
    case FUSE_OPEN:
        reply(fd, header, 0, &(struct fuse_open_out){.open_flags = FOPEN_DIRECT_IO},
              sizeof(struct fuse_open_out));
        break;
    case FUSE_WRITE:
        size = ((const struct fuse_write_in *)in)->size;
        reply(fd, header, 0, &(struct fuse_write_out){.size = size}, sizeof(struct fuse_write_out));
        break;
    case FUSE_READ:
        size = ((const struct fuse_read_in *)in)->size;
        reply(fd, header, 0, zeros, size < response_size ? size : response_size);
        break;
    case FUSE_IOCTL:
        answer_ioctl(fd, header, in);
        break;
    case FUSE_RELEASE:
        reply(fd, header, 0, NULL, 0);
        break;
    default:
        reply(fd, header, -ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    int fd = argc > 1 ? atoi(argv[1]) : open("/dev/cuse", O_RDWR | O_CLOEXEC);

    if (argc > 2)
        device_name = argv[2];
    if (fd < 0) {
        fprintf(stderr, "stub_server: open /dev/cuse: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    for (;;) {
        ssize_t size = read(fd, request, sizeof request);
        if (size >= (ssize_t)sizeof(struct fuse_in_header))
            answer(fd);
        else if (size >= 0 || (errno != EINTR && errno != ENOENT && errno != EAGAIN))
            return EXIT_SUCCESS;
    }
}
