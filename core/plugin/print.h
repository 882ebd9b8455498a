/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_PRINT_H
#define PLUGIN_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "plugin/search.h"
#include "util/error.h"

/*
 * Writes what --print-plugins tells: every plugin that would be found, and for one that would be
 * refused the reason; spaced as --print-capabilities is:
 *
 *   { "type": "swtpm", "plugins": [ { "kind": "storage", "name": "dir", "path": "/….so",
 *     "version": "0.1.0", "abi": 1, "summary": "…", "capabilities": [ "durable", "lock" ],
 *     "system_calls": [ "openat", … ] }, { "kind": "crypto", "name": "x", "path": "/….so",
 *     "reason": "…" } ] }
 *
 * With `table` the same for a person, one plugin a line, without the system calls.  Loads all
 * plugins, so it must run before the process starts a thread.  0, or -1 with a message; errors of
 * the stream stay with it.
 */
int plugins_print(const struct plugin_search *search, bool table, FILE *to, struct error *error);

#endif
