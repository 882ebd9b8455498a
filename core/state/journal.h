/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include <stdbool.h>

#include "state/state_name.h"
#include "swtpm_plugin.h"
#include "util/error.h"

/*
 * The journal of a change of several values: text, so that a person can read it.
 *
 *     swtpm-state change 1
 *     put tpm2-00.permall
 *     remove tpm2-00.savestate
 *     end
 */

#define JOURNAL_SIZE_MAX 512

struct journal_entry {
    const char *name; /* from state_name.h */
    bool remove;
};

struct journal {
    struct journal_entry entries[STATE_VALUES];
    size_t count;
};

/* Writes the text, without a final NUL, and returns its size. */
size_t journal_format(const struct journal *journal, char text[JOURNAL_SIZE_MAX]);

/* Parses what journal_format wrote.  0, or -1 with a message if it is anything else: another name
 * than those of this TPM version's values, a name twice, a line more or less. */
int journal_parse(struct swtpm_bytes text, enum tpm_version version, struct journal *journal,
                  struct error *error);

#endif
