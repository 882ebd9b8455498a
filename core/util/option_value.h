/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_OPTION_VALUE_H
#define UTIL_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/*
 * The value of an option or sub-option: what it may be and where it goes, as data, so that one
 * table drives the parser, the help and the messages.
 */

enum option_value_type {
    OPTION_VALUE_NONE = 0, /* takes no value and stores none */
    OPTION_VALUE_STRING,   /* const char *, pointing into the text that was parsed */
    OPTION_VALUE_BOOLEAN,  /* bool: true without a value; "true" (in any case) and "1" are true */
    OPTION_VALUE_UNSIGNED, /* unsigned: a decimal number up to `maximum` */
    OPTION_VALUE_MODE,     /* mode_t: an octal number up to 0777 */
    OPTION_VALUE_FD,       /* int: the number of a file descriptor, which must be open */
    OPTION_VALUE_CHOICE,   /* unsigned or an enum: the number of one of `choices` */
    OPTION_VALUE_CONSTANT  /* unsigned or an enum: takes no value and stores `constant` */
};

struct option_value_choice {
    const char *name;
    unsigned value; /* not stored where the type is OPTION_VALUE_STRING */
};

struct option_value {
    enum option_value_type type;
    const char *metavariable; /* for the help: "PATH"; not needed with choices */
    size_t offset;           /* of the member that is set, in the structure that is filled */
    unsigned maximum;        /* OPTION_VALUE_UNSIGNED */
    unsigned constant;       /* OPTION_VALUE_CONSTANT */
    /* OPTION_VALUE_CHOICE, or OPTION_VALUE_STRING limited to these; ends with a NULL name */
    const struct option_value_choice *choices;
    bool may_be_empty; /* OPTION_VALUE_STRING; otherwise an empty one is an error */
};

/* Initialisers: the member of the structure that is filled, and what the type needs besides. */
#define OPTION_STRING(structure, member, what)                                                     \
    {                                                                                              \
        .type = OPTION_VALUE_STRING, .metavariable = (what), .offset = offsetof(structure, member) \
    }
#define OPTION_BOOLEAN(structure, member)                                                          \
    {                                                                                              \
        .type = OPTION_VALUE_BOOLEAN, .offset = offsetof(structure, member)                        \
    }
#define OPTION_UNSIGNED(structure, member, limit)                                                  \
    {                                                                                              \
        .type = OPTION_VALUE_UNSIGNED, .metavariable = "N", .offset = offsetof(structure, member), \
        .maximum = (limit)                                                                         \
    }
#define OPTION_MODE(structure, member)                                                             \
    {                                                                                              \
        .type = OPTION_VALUE_MODE, .metavariable = "MODE", .offset = offsetof(structure, member)   \
    }
#define OPTION_FD(structure, member)                                                               \
    {                                                                                              \
        .type = OPTION_VALUE_FD, .metavariable = "N", .offset = offsetof(structure, member)        \
    }
#define OPTION_CHOICE(structure, member, names)                                                    \
    {                                                                                              \
        .type = OPTION_VALUE_CHOICE, .offset = offsetof(structure, member), .choices = (names)     \
    }
#define OPTION_CONSTANT(structure, member, number)                                                 \
    {                                                                                              \
        .type = OPTION_VALUE_CONSTANT, .offset = offsetof(structure, member), .constant = (number) \
    }

/* Whether something has to follow the name. */
bool option_value_is_mandatory(const struct option_value *value);

/* Checks `text` (NULL: no value was given) and sets the member of `target`.  0, or -1 with a
 * message that says what was found and what is wanted, for the caller to prefix with the option's
 * name; `target` is untouched then. */
int option_value_parse(const struct option_value *value, const char *text, void *target,
                       struct error *error);

#endif
