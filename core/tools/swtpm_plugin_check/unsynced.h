/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOOLS_SWTPM_PLUGIN_CHECK_UNSYNCED_H
#define TOOLS_SWTPM_PLUGIN_CHECK_UNSYNCED_H

#include "tools/swtpm_plugin_check/trace.h"

/*
 * Follows from system calls what a power loss would take away: data written to files and not synced
 * since (fsync(2), fdatasync(2), O_SYNC, O_DSYNC), and names made, moved or removed in directories
 * that were not synced since.  What is written through a shared map is not seen.
 */

struct unsynced;

/* Nothing seen yet; lives as long as the process of the check, which fails without memory. */
struct unsynced *unsynced_new(void);

/* Functions of a struct trace, with the struct unsynced as context.  A rename or link that shows a
 * file before its data are synced fails the check at once: after a power loss the name can be there
 * without the data. */
enum trace_verdict unsynced_on_entry(void *context, const struct system_call *call,
                                     int *error_number);
enum trace_verdict unsynced_on_return(void *context, const struct system_call *call);

/* Fails the check if something is unsynced; `op` has returned. */
void unsynced_check(const struct unsynced *unsynced, const char *op);

/* The number of writes and changes of names that were seen. */
unsigned unsynced_changes(const struct unsynced *unsynced);

/* The number of syncs that were seen. */
unsigned unsynced_syncs(const struct unsynced *unsynced);

#endif
