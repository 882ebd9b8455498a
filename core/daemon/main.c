/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/exit_code.h"
#include "daemon/options.h"
#include "daemon/print.h"
#include "util/error.h"

int main(int argc, char **argv)
{
    struct config config;
    struct error error;

    if (options_parse(argc, argv, &config, &error) != 0) {
        fprintf(stderr, "swtpm_cuse: %s\n", error.text);
        return EXIT_CODE_USAGE;
    }
    if (config.action == CONFIG_SERVE)
        return daemon_run(&config);
    if (print_requested(&config, &error) != 0) {
        fprintf(stderr, "swtpm_cuse: %s\n", error.text);
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}
