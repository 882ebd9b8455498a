/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_PLUGIN_FILES_H
#define TESTS_UNIT_PLUGIN_FILES_H

#include <limits.h>
#include <stddef.h>

/*
 * Plugin files in places where a test wants them.  The loader refuses, as root, what others could
 * have written; so tests copy what was built to a directory of their own in a place of root's.
 * Each function fails the test if it cannot do its work.
 */

/* The bytes of a file; owned by who got them. */
struct file_bytes {
    unsigned char *data;
    size_t size;
};

/* Makes an empty directory, mode 0700, where root may load plugins from; for others below /tmp.
 * Owned by the caller, who gives it back to plugin_directory_remove. */
char *plugin_directory_make(void);

/* Removes the directory with all that is in it and frees its name. */
void plugin_directory_remove(char *directory);

/* Reads the plugin FILE that was built for tests. */
struct file_bytes plugin_file_read(const char *file);

/* Writes a file with mode 0755 and the owner of the process. */
void plugin_file_write(const char *directory, const char *file, struct file_bytes bytes);

/* Copies the plugin `built` that was built for tests to `file` in `directory`. */
void plugin_file_copy(const char *directory, const char *built, const char *file);

/* `directory`/`name` in memory that the next eight calls leave alone. */
const char *path_in(const char *directory, const char *name);

#endif
