/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_FILE_H
#define STATE_KEY_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "state/key.h"
#include "util/error.h"

/* The file or descriptor that a key or passphrase comes from. */

/* Longest one that is read, in bytes. */
#define KEY_FILE_MAX (16 * 1024)

/* What was read, in secret memory. */
struct key_file {
    uint8_t *bytes; /* KEY_FILE_MAX of them */
    size_t size;    /* in use */
    char name[128]; /* for messages: "'/etc/tpm.key'" or "file descriptor 7" */
};

/* Reads the one source that `parameters` name to its end, warns through the log if it is a file
 * that anyone can read, and closes the descriptor.  0, or -1 with a message that names the
 * option. */
int key_file_read(const struct key_parameters *parameters, struct key_file *file,
                  struct error *error);

/* Removes the file that was read, once it has proved to be a key: of a bad one the user may need
 * the only copy.  0, or -1 with a message that names the option. */
int key_file_remove(const struct key_parameters *parameters, struct error *error);

/* Wipes what was read. */
void key_file_free(struct key_file *file);

#endif
