/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_TRANSPORT_ENDPOINT_H
#define TOOLS_TRANSPORT_ENDPOINT_H

#include <stdint.h>

#include "util/error.h"

/*
 * Where a TPM is reached: what the options --tpm-device, --tcp and --unix name.  The command
 * channel and the control channel are endpoints of their own.
 */

enum endpoint_kind {
    ENDPOINT_NONE,
    ENDPOINT_DEVICE, /* a character device: /dev/NAME */
    ENDPOINT_TCP,
    ENDPOINT_UNIX /* a UNIX stream socket */
};

#define ENDPOINT_HOST_SIZE 254 /* a name of the DNS (RFC 1035 §2.3.4) and its NUL */
#define ENDPOINT_NAME_SIZE 320

/* A zeroed structure with `default_port` set names nothing yet. */
struct endpoint {
    uint16_t default_port;
    enum endpoint_kind kind;
    const char *path; /* of the device or socket; the caller's */
    char host[ENDPOINT_HOST_SIZE];
    char port[sizeof "65535"];
    char name[ENDPOINT_NAME_SIZE]; /* for messages: "'/dev/vtpm0'", "127.0.0.1:6546" */
};

/*
 * Each sets an endpoint that names nothing yet.  0, or -1 with a message and the endpoint as it was
 * if it named something before, or if the text is not of the right form.
 */

/* `path` must outlive the endpoint. */
int endpoint_set_device(struct endpoint *endpoint, const char *path, struct error *error);

/* `path` must outlive the endpoint. */
int endpoint_set_unix(struct endpoint *endpoint, const char *path, struct error *error);

/* [HOST]:[PORT], HOST or [IPV6-ADDRESS]:[PORT]; what is left out is 127.0.0.1 and the default port
 */
int endpoint_set_tcp(struct endpoint *endpoint, const char *text, struct error *error);

/* The same of two parts, each of which may be NULL or empty. */
int endpoint_set_host_and_port(struct endpoint *endpoint, const char *host, const char *port,
                               struct error *error);

/* Opens the device for reading and writing, or connects.  The descriptor (close-on-exec), which
 * belongs to the caller; or -1 with a message that names the endpoint. */
int endpoint_open(const struct endpoint *endpoint, struct error *error);

#endif
