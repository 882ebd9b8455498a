/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_FAKE_STORAGE_H
#define TESTS_UNIT_FAKE_STORAGE_H

#include "plugin/storage.h"

/* A store in memory behind the functions of plugin/storage.h, which can be made to fail. */

struct storage *fake_storage_new(void);
void fake_storage_free(struct storage *storage);

/* The value's bytes, valid until it changes; {NULL, 0} and *exists false if there is none. */
struct swtpm_bytes fake_storage_peek(const struct storage *storage, const char *name, bool *exists);

/* Puts a value as if another program had. */
void fake_storage_poke(struct storage *storage, const char *name, const void *data, size_t size);

/* The next `after` calls that change something succeed; from then on all calls fail with `code`,
 * as if the process had been killed there.  Code 0 mends it. */
void fake_storage_break(struct storage *storage, unsigned after, int code);

/* get of that name alone fails with `code`; 0 mends it. */
void fake_storage_break_get(struct storage *storage, const char *name, int code);

/* put of that name alone fails with `code`; 0 mends it. */
void fake_storage_break_put(struct storage *storage, const char *name, int code);

/* The next `times` tries to lock answer SWTPM_PLUGIN_BUSY. */
void fake_storage_be_busy(struct storage *storage, unsigned times);

/* Successful calls that changed something, and those among them that were durable. */
unsigned fake_storage_changes(const struct storage *storage);
unsigned fake_storage_durable_changes(const struct storage *storage);

#endif
