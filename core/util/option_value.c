/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/option_value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "util/number.h"
#include "util/text.h"

bool option_value_is_mandatory(const struct option_value *value)
{
    return value->type != OPTION_VALUE_NONE && value->type != OPTION_VALUE_BOOLEAN &&
           value->type != OPTION_VALUE_CONSTANT;
}

static const struct option_value_choice *find_choice(const struct option_value_choice *choices,
                                                     const char *name)
{
    while (choices->name != NULL && strcmp(choices->name, name) != 0)
        choices++;
    return choices->name != NULL ? choices : NULL;
}

static int refuse_choice(const struct option_value *value, const char *text, struct error *error)
{
    char names[256] = "";

    for (const struct option_value_choice *choice = value->choices; choice->name != NULL; choice++)
        text_append(names, sizeof names, "%s%s", choice == value->choices ? "" : ", ",
                    choice->name);
    error_set(error, "'%s' is unknown; choose one of %s", text, names);
    return -1;
}

static int parse_string(const struct option_value *value, const char *text, const char **target,
                        struct error *error)
{
    if (value->choices != NULL && find_choice(value->choices, text) == NULL)
        return refuse_choice(value, text, error);
    if (text[0] == '\0' && !value->may_be_empty) {
        error_set(error, "the value is empty; give %s after the '='", value->metavariable);
        return -1;
    }
    *target = text;
    return 0;
}

static int parse_choice(const struct option_value *value, const char *text, unsigned *target,
                        struct error *error)
{
    const struct option_value_choice *choice = find_choice(value->choices, text);
    if (choice == NULL)
        return refuse_choice(value, text, error);
    *target = choice->value;
    return 0;
}

static int parse_unsigned(const struct option_value *value, const char *text, unsigned *target,
                          struct error *error)
{
    uint64_t number;
    if (number_parse(text, 10, value->maximum, &number) != 0) {
        error_set(error, "'%s' is not a number from 0 to %u", text, value->maximum);
        return -1;
    }
    *target = (unsigned)number;
    return 0;
}

static int parse_mode(const char *text, mode_t *target, struct error *error)
{
    uint64_t number;
    if (number_parse(text, 8, 0777, &number) != 0) {
        error_set(error, "'%s' is not an octal file mode from 0 to 0777, such as 0640", text);
        return -1;
    }
    *target = (mode_t)number;
    return 0;
}

static int parse_fd(const char *text, int *target, struct error *error)
{
    uint64_t number;
    if (number_parse(text, 10, INT_MAX, &number) != 0) {
        error_set(error, "'%s' is not the number of a file descriptor", text);
        return -1;
    }
    if (fcntl((int)number, F_GETFD) < 0) {
        error_set(error, "file descriptor %s is not open (%s); let the calling program open it",
                  text, strerror(errno));
        return -1;
    }
    *target = (int)number;
    return 0;
}

static int refuse_value(const char *text, struct error *error)
{
    error_set(error, "it takes no value, but '%s' was given; leave that out", text);
    return -1;
}

static int refuse_absence(const struct option_value *value, struct error *error)
{
    if (value->choices != NULL)
        error_set(error, "it needs a value after an '='");
    else
        error_set(error, "it needs a value: give %s after an '='", value->metavariable);
    return -1;
}

int option_value_parse(const struct option_value *value, const char *text, void *target,
                       struct error *error)
{
    void *member = (char *)target + value->offset;

    if (text == NULL && option_value_is_mandatory(value))
        return refuse_absence(value, error);
    switch (value->type) {
    case OPTION_VALUE_STRING:
        return parse_string(value, text, member, error);
    case OPTION_VALUE_BOOLEAN:
        *(bool *)member = text == NULL || strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
        return 0;
    case OPTION_VALUE_UNSIGNED:
        return parse_unsigned(value, text, member, error);
    case OPTION_VALUE_MODE:
        return parse_mode(text, member, error);
    case OPTION_VALUE_FD:
        return parse_fd(text, member, error);
    case OPTION_VALUE_CHOICE:
        return parse_choice(value, text, member, error);
    case OPTION_VALUE_CONSTANT:
        if (text != NULL)
            return refuse_value(text, error);
        *(unsigned *)member = value->constant;
        return 0;
    case OPTION_VALUE_NONE:
        break;
    }
    return text != NULL ? refuse_value(text, error) : 0;
}
