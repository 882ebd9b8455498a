/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/exit_code.h"
#include "daemon/options.h"
#include "daemon/print.h"
#include "util/error.h"

static int complain(const struct error *error, int exit_code)
{
    fprintf(stderr, "swtpm_cuse: %s\n", error->text);
    return exit_code;
}

static int act(const struct config *config)
{
    struct error error;

    if (config->action == CONFIG_SERVE)
        return daemon_run(config);
    return print_requested(config, &error) == 0 ? EXIT_CODE_OK
                                                : complain(&error, EXIT_CODE_FAILURE);
}

int main(int argc, char **argv)
{
    struct config config;
    struct error error;

    errno = 0;
    int exit_code = options_parse(argc, argv, &config, &error) == 0
                        ? act(&config)
                        : complain(&error, errno == ENOMEM ? EXIT_CODE_FAILURE : EXIT_CODE_USAGE);
    options_forget();
    return exit_code;
}
