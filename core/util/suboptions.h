/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_SUBOPTIONS_H
#define UTIL_SUBOPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/option_value.h"

/*
 * The argument of an option that is a list of sub-options: `name[=value],name[=value],…`
 * (swtpm_cuse(8)).  Empty list items are skipped.  A value that starts with '{' runs to its
 * matching '}', so that a JSON object may hold commas; braces within JSON strings do not count.
 */

struct suboption {
    const char *name;
    struct option_value value;
};

/* Two sub-options that contradict each other. */
struct suboption_conflict {
    const char *first;
    const char *second;
    const char *reason; /* the second half of the message: "a descriptor has no name" */
};

/* All sub-options of one option; at most 64. */
struct suboption_set {
    const struct suboption *suboptions;
    size_t count;
    const char *const *alternatives; /* at most one of these is given; ends with NULL; NULL: none */
    bool needs_alternative;          /* exactly one of them is */
    const struct suboption_conflict *conflicts; /* others; ends with a NULL name; NULL: none */
};

/*
 * Parses `text` and sets the members of `target`, leaving those that are not mentioned as they are.
 * `text` is split in place, and strings in `target` point into it: it must live as long as they do.
 * `option` is the option's name with its dashes, for messages.
 *
 * 0, or -1 with a message: an unknown sub-option (the nearest is suggested), a bad or missing
 * value, a sub-option given twice, two that contradict each other, or a mandatory one missing.
 * Members of `target` may have been set then.
 */
int suboptions_parse(const char *option, char *text, const struct suboption_set *set, void *target,
                     struct error *error);

#endif
