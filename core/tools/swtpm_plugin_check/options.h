/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_OPTIONS_H
#define TOOLS_SWTPM_PLUGIN_CHECK_OPTIONS_H

#include <stdbool.h>

#include "util/error.h"

/* The command line. */
struct options {
    bool help;
    bool version;
    bool list;
    bool seccomp;
    unsigned timeout;     /* seconds for each check */
    const char *only;     /* fnmatch(3) pattern of marks; NULL: all */
    const char *file;     /* NULL only with help, version or list */
    const char *place;    /* NULL: none */
    const char *location; /* NULL: a temporary directory */
};

/* 0, or -1 with a message.  The strings are those of argv. */
int options_parse(int argc, char **argv, struct options *options, struct error *error);

void options_print_help(void);

#endif
