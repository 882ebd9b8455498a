/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/command_line.h"
#include "tools/swtpm_ioctl/options.h"
#include "util/version.h"

#define PROGRAM "swtpm_ioctl"

/* The TPM's result is the whole line: scripts compare it. */
static int fail(enum command_status status, const struct error *error)
{
    fprintf(stderr, "%s%s\n", status == COMMAND_REFUSED ? "" : PROGRAM ": ", error->text);
    return EXIT_FAILURE;
}

static enum command_status run(const struct options *options, struct error *error)
{
    struct control_channel channel;

    if (control_channel_open(&channel, &options->endpoint, options->transfer_size, error) != 0)
        return COMMAND_FAILED;
    const struct command_context context = {.channel = &channel,
                                            .command = options->command,
                                            .values = &options->values,
                                            .error = error};
    enum command_status status = options->command->run(&context);
    control_channel_close(&channel);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error;
    enum command_status status = COMMAND_DONE;

    /* A peer that hangs up is an error like any other. */
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(argc, argv, &options, &error) != 0)
        return fail(COMMAND_FAILED, &error);
    if (options.help)
        options_print_help();
    else if (options.version)
        printf(PROGRAM " version %s\n", project_version);
    else
        status = run(&options, &error);
    if (status != COMMAND_DONE)
        return fail(status, &error);
    return command_line_finish_output(PROGRAM);
}
