/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_ALLOCATION_H
#define TOOLS_SWTPM_PLUGIN_CHECK_ALLOCATION_H

/*
 * This program defines malloc and its relatives itself, so that calls of the plugin and its
 * libraries come through here: they are counted, one can be made to fail, and what was not given
 * back is known.  The real ones are those of the next object (dlsym(3), RTLD_NEXT).
 */

/* Begins to count allocations of the calling thread; the `fail`th from now on gives no memory, none
 * if 0. */
void allocation_begin(unsigned fail);

/* Ends that; the number of allocations since. */
unsigned allocation_end(void);

/* Allocations made less allocations freed by the whole process between begin and end, since it
 * started. */
long allocation_balance(void);

#endif
