/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UTIL_EDIT_DISTANCE_H
#define UTIL_EDIT_DISTANCE_H

#include <stddef.h>

/* Which name a person may have meant. */

/* Longest name that is compared, in bytes; a longer one is like nothing. */
#define EDIT_DISTANCE_NAME_MAX 64

/* How many characters have to be inserted, removed, replaced or swapped with their neighbour to
 * turn one name into the other (the optimal string alignment distance).  SIZE_MAX if one is longer
 * than EDIT_DISTANCE_NAME_MAX. */
size_t edit_distance(const char *one, const char *other);

/* Whether a mistyped name at this distance is close enough to be suggested: at most a third of its
 * characters, and at least one. */
int edit_distance_is_near(size_t distance, const char *typed);

#endif
