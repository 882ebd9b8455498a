/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>

#include "util/error.h"

/*
 * The log: the one global of the project.  One line per event, written with one write(2) so that
 * lines of several processes do not mix.  Nothing secret is logged at any level.  May be used from
 * every thread once opened; opening and reopening belong to the loop's thread.
 *
 * Until log_open succeeds, and with no file given, errors go to standard error.
 */

/* A message is written if its level is at most the configured one (swtpm_cuse(8), --log). */
enum log_level {
    LOG_LEVEL_NONE = 0,
    LOG_LEVEL_ERROR = 1,   /* what failed and what to do */
    LOG_LEVEL_INFO = 2,    /* life cycle: started, initialised, stopped, state stored */
    LOG_LEVEL_CONTROL = 3, /* each control call */
    LOG_LEVEL_COMMAND = 4, /* each command and response, by ordinal, size and result */
    LOG_LEVEL_LIBTPMS = 5  /* and above: libtpms' own log at level - 4 */
};

struct log_parameters {
    const char *path;   /* NULL: see fd; "-": no log.  Copied. */
    int fd;             /* used if path is NULL; -1: standard error.  Owned by the log then. */
    unsigned level;     /* 0 with a path or fd means 1 */
    const char *prefix; /* before each line, NULL for none.  Copied. */
    bool truncate;      /* empty an existing file first */
    bool timestamps;    /* an RFC 3339 time with microseconds before each line */
};

/* Opens the log.  Never follows a link in the last component; makes the file with mode 0640. */
int log_open(const struct log_parameters *parameters, struct error *error);

/* Opens the file again (after rotation), in the directory in which it stood at first.  Does nothing
 * for a log that is no regular file or was given by fd. */
int log_reopen(struct error *error);

/* That directory, for the sandbox; -1 if log_reopen does nothing. */
int log_directory(void);

/* The level in force. */
unsigned log_level(void);

/* The log's descriptor, for libtpms and for the sandbox; -1 if there is no log. */
int log_fd(void);

/* Writes one line; the newline is added.  Keeps errno. */
void log_write(unsigned level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)

#endif
