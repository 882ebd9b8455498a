/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/privileges.h"
#include "tools/command_line.h"
#include "tools/swtpm_state/commands.h"
#include "tools/swtpm_state/occupancy.h"
#include "tools/swtpm_state/options.h"
#include "util/log.h"
#include "util/version.h"

#define PROGRAM "swtpm-state"

enum { EXIT_USAGE = 2 };

static int fail(int exit_status, const struct error *error)
{
    fprintf(stderr, PROGRAM ": %s\n", error->text);
    return exit_status;
}

/* All that lies between the command line and the command. */
struct workplace {
    const struct command *command;
    const struct options *options;
    struct plugin_search search;
    struct keys keys;
    struct place place;
    struct place destination;
    struct privileges privileges;
};

/* What may need root: plugins, keys, the user database. */
static int prepare(struct workplace *work, struct error *error)
{
    const struct options *options = work->options;

    if (privileges_resolve(&work->privileges, options->run_as, error) != 0 ||
        place_load(&work->place, "--tpmstate", options->place, &work->search, error) != 0)
        return -1;
    if (options->destination != NULL &&
        place_load(&work->destination, "--to", options->destination, &work->search, error) != 0)
        return -1;
    if (keys_load(&work->keys, options, error) != 0)
        return -1;
    return options->run_as == NULL ? 0 : privileges_drop(&work->privileges, NULL, error);
}

static int open_places(struct workplace *work, enum tpm_version version, struct error *error)
{
    if (place_open(&work->place, work->command->use, version, work->keys.key, error) != 0)
        return -1;
    if (work->options->destination == NULL)
        return 0;
    /* A copy of nothing must not leave an empty store behind. */
    if (occupancy_check_taken(&work->place, version, error) != 0)
        return -1;
    if (place_open(&work->destination, PLACE_MAKE, version, work->keys.key, error) == 0)
        return 0;
    if (place_is_same(&work->place, &work->destination))
        error_set(error, "it is the place that --tpmstate names; copy to another one");
    error_prefix(error, "option --to: ");
    return -1;
}

static int run(const struct command *command, const struct options *options, struct error *error)
{
    enum tpm_version version = options->tpm2 ? TPM_VERSION_2_0 : TPM_VERSION_1_2;
    struct workplace work = {.command = command,
                             .options = options,
                             .search = {.directory = options->plugin_directory}};
    const struct command_context context = {.options = options,
                                            .version = version,
                                            .keys = &work.keys,
                                            .place = &work.place,
                                            .destination = &work.destination};

    int result = prepare(&work, error);
    if (result == 0)
        result = open_places(&work, version, error);
    if (result == 0)
        result = command->run(&context, error);
    place_close(&work.destination);
    place_close(&work.place);
    keys_free(&work.keys);
    privileges_free(&work.privileges);
    return result;
}

static int find_command(const struct options *options, const struct command **command,
                        struct error *error)
{
    *command = command_find(options->command);
    if (*command != NULL)
        return command_check(*command, options, error);
    error_set(error, "no command '%s'; there are list, verify, rekey, export, import and copy",
              options->command);
    return -1;
}

int main(int argc, char **argv)
{
    const struct log_parameters log = {.fd = -1, .level = LOG_LEVEL_INFO,
                                       .prefix = PROGRAM ": "};
    const struct command *command;
    struct options options;
    struct error error;

    if (log_open(&log, &error) != 0)
        return fail(EXIT_FAILURE, &error);
    if (options_parse(argc, argv, &options, &error) != 0)
        return fail(EXIT_USAGE, &error);
    if (options.help) {
        options_print_help();
        return command_line_finish_output(PROGRAM);
    }
    if (options.version) {
        printf(PROGRAM " version %s\n", project_version);
        return command_line_finish_output(PROGRAM);
    }
    if (find_command(&options, &command, &error) != 0)
        return fail(EXIT_USAGE, &error);
    if (run(command, &options, &error) != 0)
        return fail(EXIT_FAILURE, &error);
    return command_line_finish_output(PROGRAM);
}
