/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_FAILING_MEMORY_H
#define TESTS_UNIT_FAILING_MEMORY_H

#include <stdbool.h>

/*
 * Allocations that fail on demand: a program linked with --wrap=malloc,--wrap=calloc,--wrap=strdup
 * goes through these, its libraries do not.
 *
 *     for (unsigned n = 0; failing_memory_starts(n); n++) { call; failing_memory_ends(); check }
 *
 * fails the first allocation of the call, then the second, … until the call needs no more.
 */

/* The next `after` allocations succeed and the one behind them fails.  False if the last round came
 * to its end without a failure. */
bool failing_memory_starts(unsigned after);

/* Allocations succeed again.  Whether one has failed. */
bool failing_memory_ends(void);

#endif
