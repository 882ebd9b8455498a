/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

/*
 * A message for a person, owned by the caller.  A function that fails fills it with one line that
 * names the object, what went wrong (errno text, the value found) and what to do; no newline at the
 * end, no secret.  Whoever receives it at the top prints it, once.
 */

#define ERROR_TEXT_SIZE 1024

struct error {
    char text[ERROR_TEXT_SIZE];
};

/* Sets the text; a longer one is cut.  Keeps errno. */
void error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a formatted prefix before the text that is there.  Keeps errno. */
void error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts formatted text behind what is there.  Keeps errno. */
void error_append(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
