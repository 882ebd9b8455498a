/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/file.h"
#include "util/log.h"
#include "util/pcapng.h"
#include "util/tcp_segment.h"

/* The port of the TPM 2.0 reference simulator; the first and the number of ephemeral ones. */
enum { TPM_PORT = 2321, EPHEMERAL_PORT = 49152, EPHEMERAL_PORTS = 16384 };

enum side { CLIENT, TPM };

static struct {
    int fd;
    bool is_file;
    bool checksums;
    off_t size;           /* of whole blocks, if it is a file */
    struct buffer blocks; /* not yet written */
    uint16_t port[2];     /* of each enum side */
    uint32_t sequence[2]; /* of its next byte */
} capture = {.fd = -1};

/* -------------------------------------------------------------------------------- opening ---- */

static int fail(struct error *error, const char *doing, const char *what)
{
    error_set(error, "option --pcap: cannot %s %s: %s", doing, what, strerror(errno));
    return -1;
}

/* Appending to something else would make both unreadable. */
static int check_is_capture(int fd, const char *path, struct error *error)
{
    uint32_t type;

    ssize_t size = TEMP_FAILURE_RETRY(pread(fd, &type, sizeof type, 0));
    if (size < 0)
        return fail(error, "read", path);
    if (size == 0 || (size == sizeof type && type == PCAPNG_SECTION_TYPE))
        return 0;
    error_set(error,
              "option --pcap: '%s' exists and is no pcapng file; name another file, or add "
              "truncate to overwrite it",
              path);
    return -1;
}

static int open_path(const struct capture_parameters *parameters, struct error *error)
{
    int flags = O_RDWR | O_APPEND | O_CREAT | (parameters->truncate ? O_TRUNC : 0);
    struct stat status;

    int fd = file_open(parameters->path, flags, parameters->mode, error);
    if (fd < 0) {
        error_prefix(error, "option --pcap: ");
        return -1;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        if (check_is_capture(fd, parameters->path, error) == 0)
            return fd;
    } else {
        error_set(error, "option --pcap: '%s' is not a regular file; pass a pipe with fd=",
                  parameters->path);
    }
    close(fd);
    return -1;
}

static int check_descriptor(int fd, struct error *error)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
        return 0;
    error_set(error, "option --pcap: file descriptor %d is not open for writing", fd);
    return -1;
}

/* A file is continued at its end; anything else must not make the TPM wait. */
static int prepare(bool truncate, struct error *error)
{
    struct stat status;
    int result;

    if (fstat(capture.fd, &status) != 0)
        return fail(error, "use", "the file descriptor");
    capture.is_file = S_ISREG(status.st_mode);
    if (!capture.is_file)
        result = fcntl(capture.fd, F_SETFL, fcntl(capture.fd, F_GETFL) | O_NONBLOCK);
    else if (truncate)
        result = (int)TEMP_FAILURE_RETRY(ftruncate(capture.fd, 0));
    else
        result = 0;
    if (result == 0 && capture.is_file) {
        capture.size = lseek(capture.fd, 0, SEEK_END);
        result = capture.size < 0 ? -1 : 0;
    }
    return result == 0 ? 0 : fail(error, "continue", "the file");
}

/* -------------------------------------------------------------------------------- writing ---- */

/* A pipe or socket that is full takes a part, or nothing. */
static int write_blocks(size_t size)
{
    if (capture.is_file)
        return file_write_all(capture.fd, capture.blocks.data, size);
    ssize_t written = TEMP_FAILURE_RETRY(write(capture.fd, capture.blocks.data, size));
    if (written >= 0 && written < (ssize_t)size)
        errno = EAGAIN;
    return written == (ssize_t)size ? 0 : -1;
}

/* All blocks or nothing: half a block would spoil what follows in the file. */
static int flush(void)
{
    size_t size = capture.blocks.size;

    int result = write_blocks(size);
    int saved_errno = errno;
    buffer_clear(&capture.blocks);
    if (result == 0) {
        capture.size += (off_t)size;
        return 0;
    }
    if (capture.is_file && TEMP_FAILURE_RETRY(ftruncate(capture.fd, capture.size)) != 0)
        log_error("option --pcap: cannot remove half a packet from the end of the file: %s",
                  strerror(errno));
    errno = saved_errno;
    return -1;
}

static int append_segment(enum side from, bool synchronize, struct swtpm_bytes data)
{
    enum side to = from == CLIENT ? TPM : CLIENT;
    struct tcp_segment segment = {
        .source_port = capture.port[from],
        .destination_port = capture.port[to],
        .sequence = capture.sequence[from],
        .acknowledgment = capture.sequence[to],
        .synchronize = synchronize,
        .acknowledge = !synchronize || from == TPM,
        .data = data.data,
        .size = data.size,
    };
    uint8_t headers[TCP_SEGMENT_HEADERS_SIZE];
    struct timespec now;

    if (data.size > TCP_SEGMENT_DATA_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    tcp_segment_headers(&segment, capture.checksums, headers);
    capture.sequence[from] += (uint32_t)data.size + (synchronize ? 1 : 0);
    return pcapng_append_packet(&capture.blocks, now, headers, sizeof headers, data.data,
                                data.size);
}

/* No two sections of a file hold the same connection: a reader would see retransmissions. */
static void choose_connection(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t milliseconds = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    capture.port[CLIENT] = (uint16_t)(EPHEMERAL_PORT + milliseconds % EPHEMERAL_PORTS);
    capture.port[TPM] = TPM_PORT;
    capture.sequence[CLIENT] = (uint32_t)now.tv_nsec;
    capture.sequence[TPM] = ~(uint32_t)now.tv_nsec;
}

static int append_beginning(const struct capture_parameters *parameters)
{
    const struct swtpm_bytes nothing = {.size = 0};

    if (pcapng_append_section(&capture.blocks, parameters->program) != 0 ||
        pcapng_append_interface(&capture.blocks, PCAPNG_LINK_RAW_IP, parameters->name) != 0)
        return -1;
    choose_connection();
    if (append_segment(CLIENT, true, nothing) != 0 || append_segment(TPM, true, nothing) != 0)
        return -1;
    return append_segment(CLIENT, false, nothing);
}

int capture_open(const struct capture_parameters *parameters, struct error *error)
{
    if (parameters->path == NULL && parameters->fd < 0)
        return 0;
    if (parameters->path != NULL)
        capture.fd = open_path(parameters, error);
    else if (check_descriptor(parameters->fd, error) == 0)
        capture.fd = parameters->fd;
    if (capture.fd < 0)
        return -1;
    capture.checksums = parameters->checksums;
    if (prepare(parameters->truncate, error) != 0) {
        capture_close();
        return -1;
    }
    if (append_beginning(parameters) != 0 || flush() != 0) {
        fail(error, "write", "the capture");
        capture_close();
        return -1;
    }
    return 0;
}

void capture_close(void)
{
    if (capture.fd >= 0)
        close(capture.fd);
    capture.fd = -1;
    buffer_free(&capture.blocks);
}

static void record(enum side from, struct swtpm_bytes data)
{
    if (capture.fd < 0)
        return;
    if (append_segment(from, false, data) == 0 && flush() == 0)
        return;
    log_error("option --pcap: cannot write the capture: %s; it ends here, the TPM goes on",
              strerror(errno));
    capture_close();
}

void capture_command(struct swtpm_bytes command)
{
    record(CLIENT, command);
}

void capture_response(struct swtpm_bytes response)
{
    record(TPM, response);
}
