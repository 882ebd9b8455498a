/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_COMMAND_LINE_H
#define TOOLS_COMMAND_LINE_H

#include <stddef.h>
#include <stdio.h>

#include "util/error.h"

/*
 * Command lines of the tools: one table of options says how they are read and what --help prints.
 * Every option is read as getopt_long_only(3) does, so that "-cs" is one option.
 */

struct command_line_option;

/* Takes an option that was given, with as many values as it has.  `target` is the tool's structure
 * plus the option's offset.  0, or -1 with a message without the option's name. */
typedef int command_line_take(void *target, const struct command_line_option *option,
                              const char *const *values, struct error *error);

struct command_line_option {
    const char *name;    /* with its dashes: "-c", "--save" */
    const char *values;  /* names of the values, one blank between them: "TYPE FILE"; NULL: none */
    const char *summary; /* for --help; a newline begins another line */
    command_line_take *take;
    size_t offset;       /* of what it sets in the tool's structure */
    int constant;        /* for command_line_set_constant */
    const void *meaning; /* for the tool's own take function */
};

/* Takes all of a command line into `target`.  The last option of the table is the one that prints
 * help.  *operand is the one argument that is no option, or NULL; a second one, or one
 * without a place for it (`operand` is NULL), is an error.  `argv` is put into another order, and
 * values point into it.  Not to be called from two threads at once.
 *
 * 0, or -1 with a message that names the option. */
int command_line_parse(int argc, char **argv, const struct command_line_option *options,
                       size_t count, void *target, const char **operand, struct error *error);

/* Prints the table, one option and its summary after the other. */
void command_line_print_options(FILE *to, const struct command_line_option *options, size_t count);

/* Take functions: sets the int to `constant`; sets the bool to true; sets the const char * to the
 * value, which stays in argv. */
command_line_take command_line_set_constant;
command_line_take command_line_set_flag;
command_line_take command_line_set_string;

/* Take functions for a struct endpoint. */
command_line_take command_line_set_device;
command_line_take command_line_set_tcp;
command_line_take command_line_set_unix;

/* Ends a tool that printed something: 0, or 1 with a message if standard output did not take it. */
int command_line_finish_output(const char *tool);

#endif
