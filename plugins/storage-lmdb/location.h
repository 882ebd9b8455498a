/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STORAGE_LMDB_LOCATION_H
#define STORAGE_LMDB_LOCATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "swtpm_plugin.h"

/*
 * The location of one TPM: `PATH?tpm=NAME[&mapsize=SIZE][&mode=OCTAL]`.
 *
 * PATH is the directory of the environment.  PATH and the values may hold any byte but NUL as %XX
 * (RFC 3986 section 2.1); a `?` in PATH and a `&` in a value must be written that way.  `tpm` is
 * mandatory; a parameter that is unknown or given twice is an error.
 *
 * The location of all TPMs of an environment is the same without `tpm`.
 */

#define LOCATION_TPM_NAME_MAX 128

struct location {
    char *path;      /* as written, decoded; not empty; owned */
    char *tpm;       /* location_tpm_name_is_valid; NULL: all; owned */
    size_t map_size; /* bytes that the environment may grow to */
    mode_t mode;     /* of files that are made, at most 0777 */
};

/* Whether it matches [A-Za-z0-9._-]{1,128}, of which nothing needs a % in a location. */
bool location_tpm_name_is_valid(const char *name);

/* Parses the location of one TPM; `mode` is what the host asks for and stands where the location
 * names no other.  0, or a result with a message that quotes the offending part. */
int location_parse(const char *text, mode_t mode, struct location *location,
                   struct swtpm_plugin_error *error);

/* The same, but of one TPM or of all of them. */
int location_parse_place(const char *text, mode_t mode, struct location *location,
                         struct swtpm_plugin_error *error);

/* Frees what these gave. */
void location_free(struct location *location);

#endif
