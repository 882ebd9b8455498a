/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_FAILING_MEMORY_H
#define TESTS_UNIT_FAILING_MEMORY_H

#include <stdbool.h>

/*
 * Allocations that fail on demand: a program linked with --wrap=malloc,--wrap=calloc,--wrap=strdup
 * goes through these, its libraries do not.
 *
 *     bool failed = true;
 *     for (unsigned n = 0; failed; n++) {
 *         failing_memory_start(n);
 *         call;
 *         failed = failing_memory_end();
 *         check;
 *     }
 *
 * fails the first allocation of the call, then the second, … until the call needs no more.
 */

/* The next `after` allocations succeed and the one behind them fails. */
void failing_memory_start(unsigned after);

/* Allocations succeed again.  Whether one has failed. */
bool failing_memory_end(void);

#endif
