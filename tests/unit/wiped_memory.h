/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_WIPED_MEMORY_H
#define TESTS_UNIT_WIPED_MEMORY_H

#include <stddef.h>

/*
 * What is wiped: a program linked with this file has an explicit_bzero(3) that remembers what stood
 * there.  A plugin that it loads uses it too if the program exports its symbols
 * (-Wl,--export-dynamic).
 *
 *     wiped_memory_forget();
 *     call;
 *     assert_int_equal(wiped_memory_count(secret, sizeof secret), 1);
 */

/* What was wiped until now counts no more. */
void wiped_memory_forget(void);

/* How many wipings there were of memory that held these bytes. */
unsigned wiped_memory_count(const void *bytes, size_t size);

#endif
