/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/transport/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/number.h"

#define DEFAULT_HOST "127.0.0.1"

/* --------------------------------------------------------------------------------- naming ----- */

static int refuse_second(const struct endpoint *endpoint, const char *what, struct error *error)
{
    if (endpoint->kind == ENDPOINT_NONE)
        return 0;
    error_set(error, "both %s and '%s' were given; name one TPM", endpoint->name, what);
    return -1;
}

static int set_path(struct endpoint *endpoint, enum endpoint_kind kind, const char *path,
                    struct error *error)
{
    if (refuse_second(endpoint, path, error) != 0)
        return -1;
    endpoint->kind = kind;
    endpoint->path = path;
    snprintf(endpoint->name, sizeof endpoint->name, "'%s'", path);
    return 0;
}

int endpoint_set_device(struct endpoint *endpoint, const char *path, struct error *error)
{
    return set_path(endpoint, ENDPOINT_DEVICE, path, error);
}

int endpoint_set_unix(struct endpoint *endpoint, const char *path, struct error *error)
{
    size_t limit = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    if (strlen(path) <= limit)
        return set_path(endpoint, ENDPOINT_UNIX, path, error);
    error_set(error,
              "the path has %zu characters, but a socket's path may have %zu "
              "at most; use a shorter or a relative one",
              strlen(path), limit);
    return -1;
}

static int set_host(struct endpoint *endpoint, const char *host, size_t size, struct error *error)
{
    if (size == 0) {
        strcpy(endpoint->host, DEFAULT_HOST);
        return 0;
    }
    if (size < sizeof endpoint->host) {
        memcpy(endpoint->host, host, size);
        endpoint->host[size] = '\0';
        return 0;
    }
    error_set(error, "the host has %zu characters, but a host's name may have %zu at most", size,
              sizeof endpoint->host - 1);
    return -1;
}

static int set_port(struct endpoint *endpoint, const char *text, struct error *error)
{
    uint64_t port = endpoint->default_port;

    if (*text != '\0' && (number_parse(text, 10, UINT16_MAX, &port) != 0 || port == 0)) {
        error_set(error, "'%s' is no port; give a number from 1 to 65535", text);
        return -1;
    }
    snprintf(endpoint->port, sizeof endpoint->port, "%u", (unsigned)(uint16_t)port);
    return 0;
}

static int set_tcp(struct endpoint *endpoint, const char *host, size_t host_size, const char *port,
                   struct error *error)
{
    struct endpoint parsed = {.default_port = endpoint->default_port, .kind = ENDPOINT_TCP};

    if (set_host(&parsed, host, host_size, error) != 0 || set_port(&parsed, port, error) != 0)
        return -1;
    bool is_ipv6 = strchr(parsed.host, ':') != NULL;
    snprintf(parsed.name, sizeof parsed.name, is_ipv6 ? "[%s]:%s" : "%s:%s", parsed.host,
             parsed.port);
    *endpoint = parsed;
    return 0;
}

int endpoint_set_host_and_port(struct endpoint *endpoint, const char *host, const char *port,
                               struct error *error)
{
    if (refuse_second(endpoint, host != NULL ? host : DEFAULT_HOST, error) != 0)
        return -1;
    return set_tcp(endpoint, host, host != NULL ? strlen(host) : 0, port != NULL ? port : "",
                   error);
}

/* The end of the host in `text`, and where it starts; NULL if that is ambiguous. */
static const char *find_host(const char *text, const char **host)
{
    *host = text;
    if (text[0] == '[') {
        *host = text + 1;
        const char *end = strchr(text, ']');
        return end != NULL && (end[1] == ':' || end[1] == '\0') ? end : NULL;
    }
    const char *end = text + strcspn(text, ":");
    return *end == ':' && strchr(end + 1, ':') != NULL ? NULL : end;
}

int endpoint_set_tcp(struct endpoint *endpoint, const char *text, struct error *error)
{
    const char *host;
    const char *end = find_host(text, &host);

    if (refuse_second(endpoint, text, error) != 0)
        return -1;
    if (*text == '\0' || end == NULL) {
        error_set(error,
                  "'%s' is not of the form [HOST]:[PORT]; an IPv6 address stands in "
                  "brackets, as in [::1]:%u",
                  text, endpoint->default_port);
        return -1;
    }
    size_t host_size = (size_t)(end - host);
    end += *end == ']';
    return set_tcp(endpoint, host, host_size, end + (*end == ':'), error);
}

/* -------------------------------------------------------------------------------- opening ----- */

/* A command written to some other file by mistake would damage it. */
static int check_device(int fd, const struct endpoint *endpoint, struct error *error)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISCHR(status.st_mode))
        return fd;
    error_set(error, "%s is not a character device; name the TPM's device, as in /dev/vtpm0",
              endpoint->name);
    close(fd);
    return -1;
}

static int open_device(const struct endpoint *endpoint, struct error *error)
{
    int fd = open(endpoint->path, O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0)
        return check_device(fd, endpoint, error);
    error_set(error, "cannot open the device %s: %s", endpoint->name, strerror(errno));
    return -1;
}

static int connect_unix(const struct endpoint *endpoint, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, endpoint->path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error_set(error, "cannot connect to the socket %s: %s; does the TPM run and listen there?",
              endpoint->name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The first address that answers; -1 with the last one's errno. */
static int connect_any(const struct addrinfo *addresses)
{
    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
            return fd;
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
    }
    return -1;
}

static int connect_tcp(const struct endpoint *endpoint, struct error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    int failure = getaddrinfo(endpoint->host, endpoint->port, &hints, &addresses);

    if (failure != 0) {
        error_set(error, "cannot find the host '%s': %s; check its name", endpoint->host,
                  gai_strerror(failure));
        return -1;
    }
    int fd = connect_any(addresses);
    if (fd < 0)
        error_set(error, "cannot connect to %s: %s; does the TPM run and listen there?",
                  endpoint->name, strerror(errno));
    freeaddrinfo(addresses);
    return fd;
}

int endpoint_open(const struct endpoint *endpoint, struct error *error)
{
    switch (endpoint->kind) {
    case ENDPOINT_DEVICE:
        return open_device(endpoint, error);
    case ENDPOINT_UNIX:
        return connect_unix(endpoint, error);
    case ENDPOINT_TCP:
        return connect_tcp(endpoint, error);
    case ENDPOINT_NONE:
        break;
    }
    error_set(error, "no TPM was named; give --tpm-device DEV, --tcp [HOST]:[PORT] or --unix PATH");
    return -1;
}
