/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int make_address(const char *name, struct sockaddr_un *address, socklen_t *size,
                        struct error *error)
{
    size_t length = strlen(name);

    if (name[0] != '/' && name[0] != '@') {
        error_set(error,
                  "NOTIFY_SOCKET is '%s', which is neither an absolute path nor '@' and an "
                  "abstract name",
                  name);
        return -1;
    }
    if (length >= sizeof address->sun_path) {
        error_set(error, "NOTIFY_SOCKET has %zu bytes, at most %zu are possible", length,
                  sizeof address->sun_path - 1);
        return -1;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

int notify_open(int *fd, struct error *error)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t size;

    *fd = -1;
    if (name == NULL || name[0] == '\0')
        return 0;
    if (make_address(name, &address, &size, error) != 0)
        return -1;
    int opened = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (opened >= 0 && connect(opened, (const struct sockaddr *)&address, size) == 0) {
        *fd = opened;
        return 0;
    }
    error_set(error, "cannot connect to NOTIFY_SOCKET '%s': %s", name, strerror(errno));
    if (opened >= 0)
        close(opened);
    return -1;
}

static int send_message(int fd, const char *message, struct error *error)
{
    size_t size = strlen(message);

    if (fd < 0 || TEMP_FAILURE_RETRY(write(fd, message, size)) == (ssize_t)size)
        return 0;
    error_set(error, "cannot tell the service manager at NOTIFY_SOCKET: %s", strerror(errno));
    return -1;
}

int notify_ready(int fd, const char *status, struct error *error)
{
    char message[256];

    snprintf(message, sizeof message, "READY=1\nMAINPID=%ld\nSTATUS=%.200s", (long)getpid(),
             status);
    return send_message(fd, message, error);
}

int notify_stopping(int fd, struct error *error)
{
    return send_message(fd, "STOPPING=1", error);
}
