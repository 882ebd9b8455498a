/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_CAPTURE_H
#define TPM_CAPTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "swtpm_plugin.h"
#include "util/error.h"

/*
 * A record of what the TPM was asked and answered (swtpm_cuse(8), --pcap): a pcapng file in which
 * commands and responses are the segments of a TCP connection to port 2321 of 127.0.0.1, bare, one
 * each, which is the form that Wireshark's TPM dissector takes.  Each start of the program adds a
 * section to the file with a connection of its own.  Times are those of the call and of its end.
 *
 * Commands carry authorization values: whoever may read the file learns them.
 *
 * There is one TPM, so there is one capture.  capture_open and capture_close belong to the loop's
 * thread, the others to the one that is in the TPM (worker.h).  Without capture_open they do
 * nothing.
 *
 * The TPM comes first: a write that fails or would have to wait (a pipe whose reader is slow) ends
 * the capture with one line in the log.  A file keeps the whole packets written before.
 */

struct capture_parameters {
    const char *path;    /* NULL: see fd.  A new or existing regular file, never a link */
    int fd;              /* -1: no capture.  Anything open for writing; owned from now on */
    mode_t mode;         /* of a new file */
    bool truncate;       /* empty the file first; otherwise append to it */
    bool checksums;      /* fill in those of IP and TCP */
    const char *name;    /* the device's name, shown as the interface */
    const char *program; /* name and version of the program */
};

/* Opens the file and begins a section.  0, or -1 with a message that names the option --pcap: also
 * for an existing file that is no pcapng file and is not to be truncated. */
int capture_open(const struct capture_parameters *parameters, struct error *error);

/* Add a packet with the bytes of a command, and of the response to the last one. */
void capture_command(struct swtpm_bytes command);
void capture_response(struct swtpm_bytes response);

/* Closes the file. */
void capture_close(void);

#endif
