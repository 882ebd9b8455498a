/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/options.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/number.h"

enum { TIMEOUT_DEFAULT = 300, TIMEOUT_MAX = 86400 };

static const struct option long_options[] = {
    {"seccomp", no_argument, NULL, 's'},
    {"place", required_argument, NULL, 'p'},
    {"timeout", required_argument, NULL, 't'},
    {"only", required_argument, NULL, 'o'},
    {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

void options_print_help(void)
{
    puts(
        "usage: swtpm-plugin-check [OPTION]... FILE.so [LOCATION]\n"
        "\n"
        "Checks a storage or crypto plugin against the contract of swtpm_plugin.h, sentence by\n"
        "sentence, and prints the results in the Test Anything Protocol.\n"
        "\n"
        "LOCATION is what follows NAME:// in a URI of the plugin under test.  In it {} stands for\n"
        "a number that names another store; without {} the values of that one store are removed.\n"
        "Without LOCATION the stores are directories of a temporary directory.\n"
        "\n"
        "  --seccomp          run the ops in the sandbox that the plugin asks for, too\n"
        "  --place PLACE      what follows NAME:// for all the stores at LOCATION together, for\n"
        "                     list_stores; {} stands for the same number\n"
        "  --only PATTERN     only the sentences whose mark matches, such as 'S4*'\n"
        "  --timeout SECONDS  for each check (300)\n"
        "  --list             print mark, quotation and what is tested of it, and exit\n"
        "  -h, --help         print this and exit\n"
        "  -v, --version      print the version and exit\n"
        "\n"
        "The exit status is 0 if nothing failed, 1 if something did, 2 for a wrong command line.");
}

static int set_timeout(const char *text, struct options *options, struct error *error)
{
    uint64_t seconds;

    if (number_parse(text, 10, TIMEOUT_MAX, &seconds) != 0 || seconds == 0) {
        error_set(error, "--timeout '%s' is no number of seconds from 1 to %d", text, TIMEOUT_MAX);
        return -1;
    }
    options->timeout = (unsigned)seconds;
    return 0;
}

static int take(int option, struct options *options, struct error *error)
{
    switch (option) {
    case 's':
        options->seccomp = true;
        return 0;
    case 't':
        return set_timeout(optarg, options, error);
    case 'p':
        options->place = optarg;
        return 0;
    case 'o':
        options->only = optarg;
        return 0;
    case 'l':
        options->list = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case 'v':
        options->version = true;
        return 0;
    default:
        error_set(error, "unknown or incomplete option; see --help");
        return -1;
    }
}

int options_parse(int argc, char **argv, struct options *options, struct error *error)
{
    int option;

    *options = (struct options){.timeout = TIMEOUT_DEFAULT};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "hv", long_options, NULL)) != -1)
        if (take(option, options, error) != 0)
            return -1;
    if (options->help || options->version || options->list)
        return 0;
    if (argc - optind < 1 || argc - optind > 2) {
        error_set(error, "one FILE.so and at most one LOCATION are needed; see --help");
        return -1;
    }
    options->file = argv[optind];
    options->location = argv[optind + 1]; /* argv ends with NULL */
    return 0;
}
