/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/command_line.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tools/transport/endpoint.h"
#include "util/edit_distance.h"

enum {
    OPTIONS_MAX = 40,
    VALUES_MAX = 2,
    FIRST_CODE = 256, /* above what getopt(3) returns for a character */
    SUMMARY_COLUMN = 24
};

struct parse {
    int argc;
    char **argv;
    const struct command_line_option *options;
    size_t count;
    struct error *error;
};

static const char *without_dashes(const char *name)
{
    return name + strspn(name, "-");
}

static const char *help_option(const struct parse *parse)
{
    return parse->options[parse->count - 1].name;
}

static size_t count_values(const struct command_line_option *option)
{
    if (option->values == NULL)
        return 0;
    return strchr(option->values, ' ') != NULL ? 2 : 1;
}

/* --------------------------------------------------------------------------------- errors ----- */

static int refuse_missing_value(const struct parse *parse, const struct command_line_option *option)
{
    error_set(parse->error, "option %s needs %s; %s explains it", option->name, option->values,
              help_option(parse));
    return -1;
}

static int refuse_unknown(const struct parse *parse, const char *typed)
{
    const struct command_line_option *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    for (size_t i = 0; i < parse->count; i++) {
        const char *name = without_dashes(parse->options[i].name);
        size_t distance = edit_distance(without_dashes(typed), name);
        if (distance < nearest_distance && edit_distance_is_near(distance, typed)) {
            nearest = &parse->options[i];
            nearest_distance = distance;
        }
    }
    if (nearest != NULL && strlen(without_dashes(typed)) > 1)
        error_set(parse->error, "no option '%s'; did you mean %s?", typed, nearest->name);
    else
        error_set(parse->error, "no option '%s'; %s lists the options", typed, help_option(parse));
    return -1;
}

/* getopt(3) leaves the code of an option that it knows in optopt. */
static int refuse(const struct parse *parse, int answer)
{
    const struct command_line_option *option =
        optopt >= FIRST_CODE ? &parse->options[optopt - FIRST_CODE] : NULL;

    if (option == NULL)
        return refuse_unknown(parse, parse->argv[optind - 1]);
    if (answer == ':')
        return refuse_missing_value(parse, option);
    error_set(parse->error, "option %s takes no value; leave out what follows the '='",
              option->name);
    return -1;
}

/* -------------------------------------------------------------------------------- parsing ----- */

static int take(const struct parse *parse, const struct command_line_option *option, void *target)
{
    const char *values[VALUES_MAX] = {optarg, NULL};

    if (count_values(option) == VALUES_MAX) {
        if (optind >= parse->argc)
            return refuse_missing_value(parse, option);
        values[1] = parse->argv[optind++];
    }
    if (option->take((char *)target + option->offset, option, values, parse->error) == 0)
        return 0;
    error_prefix(parse->error, "option %s: ", option->name);
    return -1;
}

static int take_operand(const struct parse *parse, const char **operand)
{
    int surplus = optind;

    if (operand != NULL) {
        *operand = optind < parse->argc ? parse->argv[optind] : NULL;
        surplus++;
    }
    if (surplus >= parse->argc)
        return 0;
    error_set(parse->error, "surplus argument '%s'; %s shows what is expected",
              parse->argv[surplus], help_option(parse));
    return -1;
}

static void describe_for_getopt(const struct parse *parse, struct option *long_options)
{
    for (size_t i = 0; i < parse->count; i++)
        long_options[i] = (struct option){
            .name = without_dashes(parse->options[i].name),
            .has_arg = count_values(&parse->options[i]) > 0 ? required_argument : no_argument,
            .val = FIRST_CODE + (int)i,
        };
    long_options[parse->count] = (struct option){0};
}

int command_line_parse(int argc, char **argv, const struct command_line_option *options,
                       size_t count, void *target, const char **operand, struct error *error)
{
    const struct parse parse = {argc, argv, options, count, error};
    struct option long_options[OPTIONS_MAX];
    int code;

    describe_for_getopt(&parse, long_options);
    opterr = 0;
    optind = 0; /* GNU: start anew */
    /* The colon asks for ':' instead of '?' where a value is missing. */
    while ((code = getopt_long_only(argc, argv, ":", long_options, NULL)) != -1) {
        if (code < FIRST_CODE)
            return refuse(&parse, code);
        if (take(&parse, &options[code - FIRST_CODE], target) != 0)
            return -1;
    }
    return take_operand(&parse, operand);
}

/* ------------------------------------------------------------------------------- printing ----- */

void command_line_print_options(FILE *to, const struct command_line_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *values = options[i].values != NULL ? options[i].values : "";
        const char *line = options[i].summary;
        int column = fprintf(to, "  %s%s%s", options[i].name, *values != '\0' ? " " : "", values);
        while (line != NULL) {
            int size = (int)strcspn(line, "\n");
            fprintf(to, "%*s%.*s\n", SUMMARY_COLUMN - column, "", size, line);
            line = line[size] == '\n' ? line + size + 1 : NULL;
            column = 0;
        }
    }
}

int command_line_finish_output(const char *tool)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "%s: cannot write to standard output: %s\n", tool, strerror(errno));
    return 1;
}

/* --------------------------------------------------------------------------------- taking ----- */

int command_line_set_constant(void *target, const struct command_line_option *option,
                              const char *const *values, struct error *error)
{
    (void)values;
    (void)error;
    *(int *)target = option->constant;
    return 0;
}

int command_line_set_flag(void *target, const struct command_line_option *option,
                          const char *const *values, struct error *error)
{
    (void)option;
    (void)values;
    (void)error;
    *(bool *)target = true;
    return 0;
}

int command_line_set_string(void *target, const struct command_line_option *option,
                            const char *const *values, struct error *error)
{
    const char **string = target;

    (void)option;
    if (*string != NULL) {
        error_set(error, "it was given before, as '%s'; give it once", *string);
        return -1;
    }
    *string = values[0];
    return 0;
}

int command_line_set_device(void *target, const struct command_line_option *option,
                            const char *const *values, struct error *error)
{
    (void)option;
    return endpoint_set_device(target, values[0], error);
}

int command_line_set_tcp(void *target, const struct command_line_option *option,
                         const char *const *values, struct error *error)
{
    (void)option;
    return endpoint_set_tcp(target, values[0], error);
}

int command_line_set_unix(void *target, const struct command_line_option *option,
                          const char *const *values, struct error *error)
{
    (void)option;
    return endpoint_set_unix(target, values[0], error);
}
