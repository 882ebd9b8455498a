/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_HELP_H
#define DAEMON_HELP_H

#include <stdio.h>

/* Writes what --help shows, from the option table: at most 72 lines of at most 80 columns. */
void help_print(FILE *to);

#endif
