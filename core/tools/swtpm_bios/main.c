/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/command_line.h"
#include "tools/swtpm_bios/boot.h"
#include "tools/swtpm_bios/options.h"
#include "util/version.h"

#define PROGRAM "swtpm_bios"

int main(int argc, char **argv)
{
    struct options options;
    struct error error;

    /* A peer that hangs up is an error like any other. */
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(argc, argv, &options, &error) != 0) {
        boot_complain("%s", error.text);
        return EXIT_FAILURE;
    }
    if (!options.help && !options.version)
        return options.tpm2 ? (int)boot_tpm2(&options) : (int)boot_tpm12(&options);
    if (options.help)
        options_print_help();
    else
        printf(PROGRAM " version %s\n", project_version);
    return command_line_finish_output(PROGRAM);
}
