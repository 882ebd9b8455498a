/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_checks.h"
#include "daemon/option_table.h"
#include "plugin/storage_options.h"
#include "state/key_options.h"
#include "util/edit_distance.h"
#include "util/text.h"

enum { CAPTURE_MODE = 0640 };

/* A copy of the arguments of one call: sub-options are cut apart in it while ps(1) goes on showing
 * the original.  All copies are kept on a list, since strings of a configuration point into
 * them. */
struct argument_copy {
    struct argument_copy *next;
    int argc;
    char *argv[];
};

static struct argument_copy *argument_copies;

static const struct config defaults = {
    .action = CONFIG_SERVE,
    .version = TPM_VERSION_1_2,
    .cuse_fd = -1,
    .key = {.fd = -1, .password_fd = -1},
    .migration_key = {.fd = -1, .password_fd = -1},
    .crypto_plugin = CRYPTO_DEFAULT_PLUGIN,
    .log = {.fd = -1},
    .pid_fd = -1,
    .needs_init = true,
    .automatic_shutdown = true,
    .profile = {.fd = -1},
    .capture = {.fd = -1, .mode = CAPTURE_MODE},
};

/* One parse in progress. */
struct parse {
    struct argument_copy *arguments;
    struct config *config;
    bool given[OPTION_TABLE_MAX];
    const struct option_description *action; /* the option that said what to print; NULL: none */
    struct error *error;
};

enum {
    LONG_OPTION = 256, /* what getopt_long(3) returns is this and the index in the table */
    DASHES = 2         /* characters before the part of the name that getopt_long(3) compares */
};

struct getopt_tables {
    struct option long_options[OPTION_TABLE_MAX + 1];
    char short_options[2 * OPTION_TABLE_MAX + 2];
};

/* --------------------------------------------------------------------------------- tables ----- */

static struct argument_copy *copy_arguments(int argc, char **argv)
{
    size_t pointers = ((size_t)argc + 1) * sizeof(char *);
    size_t text = 0;

    for (int i = 0; i < argc; i++)
        text += strlen(argv[i]) + 1;
    struct argument_copy *copy = malloc(sizeof *copy + pointers + text);
    if (copy == NULL)
        return NULL;
    char *to = (char *)copy->argv + pointers;
    for (int i = 0; i < argc; i++) {
        copy->argv[i] = to;
        to = stpcpy(to, argv[i]) + 1;
    }
    copy->argv[argc] = NULL;
    copy->argc = argc;
    copy->next = argument_copies;
    argument_copies = copy;
    return copy;
}

static void describe_for_getopt(struct getopt_tables *tables)
{
    /* The colon asks for ':' instead of '?' where an argument is missing. */
    strcpy(tables->short_options, ":");
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_description *option = &option_table[i];
        bool takes_argument = option_takes_argument(option);
        tables->long_options[i] =
            (struct option){.name = option->name + DASHES,
                            .has_arg = takes_argument ? required_argument : no_argument,
                            .val = LONG_OPTION + (int)i};
        if (option->short_name != 0)
            text_append(tables->short_options, sizeof tables->short_options, "%c%s",
                        option->short_name, takes_argument ? ":" : "");
    }
    tables->long_options[option_table_count] = (struct option){0};
}

/* The option that getopt_long(3) returned or left in optopt; NULL if it is none. */
static const struct option_description *find_option(int code)
{
    if (code >= LONG_OPTION)
        return &option_table[code - LONG_OPTION];
    for (size_t i = 0; i < option_table_count; i++)
        if (code != 0 && option_table[i].short_name == code)
            return &option_table[i];
    return NULL;
}

/* --------------------------------------------------------------------------------- errors ----- */

static const char *find_nearest(const char *typed)
{
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    for (size_t i = 0; i < option_table_count; i++) {
        size_t distance = edit_distance(typed, option_table[i].name);
        if (distance < nearest_distance && edit_distance_is_near(distance, typed)) {
            nearest = option_table[i].name;
            nearest_distance = distance;
        }
    }
    return nearest;
}

static int refuse_ambiguous(const char *typed, struct error *error)
{
    char names[256] = "";

    for (size_t i = 0; i < option_table_count; i++)
        if (strncmp(option_table[i].name, typed, strlen(typed)) == 0)
            text_append(names, sizeof names, "%s%s", names[0] == '\0' ? "" : ", ",
                        option_table[i].name);
    if (names[0] == '\0')
        return 0;
    error_set(error, "option %s is ambiguous; write one of %s in full", typed, names);
    return -1;
}

static int refuse_long_option(char *typed, struct error *error)
{
    typed[strcspn(typed, "=")] = '\0';
    if (refuse_ambiguous(typed, error) != 0)
        return -1;
    const char *nearest = find_nearest(typed);
    if (nearest != NULL)
        error_set(error, "unknown option %s; did you mean %s?", typed, nearest);
    else
        error_set(error, "unknown option %s; --help lists the options", typed);
    return -1;
}

static int refuse_unknown(const struct parse *parse)
{
    const struct option_description *option = find_option(optopt);

    if (option != NULL)
        error_set(parse->error, "option %s takes no argument; leave out what follows the '='",
                  option->name);
    else if (optopt != 0)
        error_set(parse->error, "unknown option -%c; --help lists the options", optopt);
    else
        return refuse_long_option(parse->arguments->argv[optind - 1], parse->error);
    return -1;
}

static int refuse_missing_argument(const struct parse *parse)
{
    const struct option_description *option = find_option(optopt);

    error_set(parse->error, "option %s needs an argument: %s; --help shows it", option->name,
              option->suboptions != NULL ? "a list of sub-options" : option->value.metavariable);
    return -1;
}

/* -------------------------------------------------------------------------------- parsing ----- */

static int check_given(struct parse *parse, const struct option_description *option)
{
    bool *given = &parse->given[option - option_table];

    if (*given && option_takes_argument(option)) {
        error_set(parse->error, "option %s was given twice; give it once%s", option->name,
                  option->suboptions != NULL ? ", with all sub-options separated by commas" : "");
        return -1;
    }
    *given = true;
    return 0;
}

static int parse_argument(struct parse *parse, const struct option_description *option)
{
    if (option->parse != NULL)
        return option->parse(option->name, optarg, parse->config, parse->error);
    if (option->suboptions != NULL)
        return suboptions_parse(option->name, optarg, option->suboptions, parse->config,
                                parse->error);
    if (option_value_parse(&option->value, optarg, parse->config, parse->error) == 0)
        return 0;
    error_prefix(parse->error, "option %s: ", option->name);
    return -1;
}

static int parse_option(struct parse *parse, const struct option_description *option)
{
    enum config_action before = parse->config->action;

    if (check_given(parse, option) != 0 || parse_argument(parse, option) != 0)
        return -1;
    if (parse->config->action == before)
        return 0;
    if (parse->action != NULL) {
        error_set(parse->error, "options %s and %s contradict each other; give one of them",
                  parse->action->name, option->name);
        return -1;
    }
    parse->action = option;
    return 0;
}

static bool is_final(enum config_action action)
{
    return action == CONFIG_HELP || action == CONFIG_VERSION;
}

static int parse_options(struct parse *parse)
{
    struct getopt_tables tables;
    struct argument_copy *arguments = parse->arguments;
    int code;

    describe_for_getopt(&tables);
    opterr = 0;
    optind = 0; /* GNU: start anew */
    while ((code = getopt_long(arguments->argc, arguments->argv, tables.short_options,
                               tables.long_options, NULL)) != -1) {
        if (code == '?')
            return refuse_unknown(parse);
        if (code == ':')
            return refuse_missing_argument(parse);
        if (parse_option(parse, find_option(code)) != 0)
            return -1;
        if (is_final(parse->config->action))
            return 0;
    }
    if (optind == arguments->argc)
        return 0;
    error_set(parse->error,
              "surplus argument '%s'; every argument belongs to an option, see --help",
              arguments->argv[optind]);
    return -1;
}

static void use_storage_defaults(struct config *config)
{
    config->storage_mode = storage_options_default.mode;
    config->storage_lock = storage_options_default.lock;
    config->storage_backup = storage_options_default.backup;
    config->storage_durable = storage_options_default.durable;
}

static void use_environment(struct config *config)
{
    struct storage_options options = {.plugin = config->storage_plugin,
                                      .location = config->storage_location};

    storage_options_use_environment(&options);
    config->storage_plugin = options.plugin;
    config->storage_location = options.location;
}

int options_parse(int argc, char **argv, struct config *config, struct error *error)
{
    struct parse parse = {.config = config, .error = error};

    *config = defaults;
    use_storage_defaults(config);
    parse.arguments = copy_arguments(argc, argv);
    if (parse.arguments == NULL) {
        error_set(error, "no memory for the command line");
        return -1;
    }
    if (parse_options(&parse) != 0)
        return -1;
    if (is_final(config->action))
        return 0;
    use_environment(config);
    return option_checks(config, error);
}

void options_forget(void)
{
    while (argument_copies != NULL) {
        struct argument_copy *copy = argument_copies;
        argument_copies = copy->next;
        free(copy);
    }
}
