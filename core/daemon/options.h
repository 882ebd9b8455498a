/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "daemon/config.h"
#include "util/error.h"

/*
 * Turns the command line and TPM_PATH into a configuration that contradicts itself nowhere.
 * Nothing outside of the process is touched but that file descriptors are looked at.
 *
 * Options are read as getopt_long(3) does: abbreviations and any order are fine.  What is wrong: an
 * unknown option, a surplus argument, a bad value, an option with an argument given twice, options
 * that contradict each other, a mandatory one missing.  --help and --version end the reading.
 *
 * `argv` stays as it is.  Strings of `config` point into copies that live until options_forget.
 * Not to be called from two threads at once (getopt_long's state).
 *
 * 0; or -1 with a message that names the option, what was found and what to do; errno(3) is ENOMEM
 * then if it was memory that was missing.
 */
int options_parse(int argc, char **argv, struct config *config, struct error *error);

/* Frees the copies: for a program that parses many command lines.  Every configuration so far is
 * void. */
void options_forget(void);

#endif
