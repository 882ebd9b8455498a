/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <stddef.h>

/*
 * Tests of what cannot be undone (dropped privileges, a closed sandbox) run in a child process,
 * which leaves what it saw in memory shared with the test.
 */

/* Zeroed memory that children of this process share; lives until the program ends. */
void *child_shared(size_t size);

/* Runs `body(shared)` in a child and returns its status as of waitpid(2).  A child whose body
 * returns exits with 0. */
int child_run(void (*body)(void *shared), void *shared);

/* Copies what stands behind "NAME:" in /proc/self/status, without the white space around it; an
 * empty string if there is no such line.  Reads with system calls that every sandbox allows if
 * `status_fd` is a descriptor of that file. */
void child_status(int status_fd, const char *name, char *value, size_t size);

/* Opens /proc/self/status. */
int child_status_open(void);

/* The system calls that a sanitizer's runtime makes beside those of the program under test; ends
 * with NULL; empty in a build without sanitizers. */
extern const char *const child_sanitizer_calls[];

#endif
