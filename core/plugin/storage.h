/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_STORAGE_H
#define PLUGIN_STORAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plugin/search.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * The storage side of the plugin interface, typed and checked: what the core calls instead of the
 * ops.  Every function that can fail returns 0 or a code of enum swtpm_plugin_result and sets the
 * error's text to the plugin's message, prefixed with the plugin's name.  A code outside of the
 * enumeration is reported as SWTPM_PLUGIN_IO.  Use from one thread at a time per handle.
 *
 * Order of calls: storage_load, storage_open, then any of the others, storage_close.  After
 * SWTPM_PLUGIN_FENCED only storage_close is left; everything else goes on returning it.
 */

/* A loaded storage plugin; lives as long as the process. */
struct storage_plugin;

/* An open store. */
struct storage;

struct storage_parameters {
    const char *location; /* what followed NAME:// in the URI, or dir=; borrowed for the call */
    mode_t mode;          /* of new files, at most 0777 */
    bool create;          /* the store may be made */
    bool read_only;       /* nothing may change, no lock is taken */
    /* Told of each path that later ops will open (enum swtpm_path_access); 0 or a plugin code.
     * NULL if nobody needs to know. */
    int (*announce_path)(void *context, const char *path, uint32_t access);
    void *context;
};

/* Splits `NAME://LOCATION`; NAME is copied to `name`, *location points into `uri`.  0, or -1 with a
 * message. */
int storage_uri_split(const char *uri, char name[32], const char **location, struct error *error);

/* Loads storage-NAME.so.  0 or -1. */
int storage_load(const struct plugin_search *search, const char *name,
                 const struct storage_plugin **plugin, struct error *error);

/* The plugin's descriptor, for its name, its system calls and its capabilities. */
const struct swtpm_plugin *storage_plugin_descriptor(const struct storage_plugin *plugin);
bool storage_plugin_can_be_durable(const struct storage_plugin *plugin);
bool storage_plugin_can_lock(const struct storage_plugin *plugin);

/* Visits the location of each store at `location`, as swtpm_storage_ops.list_stores says; for a
 * plugin that has no such op, `location` itself.  What the visitor returned, if not 0, comes back
 * with the error untouched.  The visitor may open what it is shown.  Not in the sandbox. */
int storage_list_stores(const struct storage_plugin *plugin, const char *location,
                        swtpm_store_visitor visit, void *context, struct error *error);

/* Opens the store for the ops below; storage_close ends its use. */
int storage_open(const struct storage_plugin *plugin, const struct storage_parameters *parameters,
                 struct storage **storage, struct error *error);

/* NULL is allowed. */
void storage_close(struct storage *storage);

/* One immediate try. */
int storage_lock(struct storage *storage, struct error *error);
int storage_unlock(struct storage *storage, struct error *error);

/* How many bytes a value has, without reading it. */
int storage_size(struct storage *storage, const char *name, size_t *size, struct error *error);

/* Replaces the buffer's contents by the value.  On failure the buffer is as it was. */
int storage_get(struct storage *storage, const char *name, struct buffer *value,
                struct error *error);

/* Stores, replaces or removes a value; with `durable` it survives a loss of power once this has
 * returned.  After a failure either content may be there. */
int storage_put(struct storage *storage, const char *name, struct swtpm_bytes value, bool durable,
                struct error *error);
int storage_delete(struct storage *storage, const char *name, bool durable, struct error *error);

/* Visits each value once, in no particular order.  What the visitor returned, if not 0, comes
 * back. */
int storage_list(struct storage *storage, swtpm_storage_visitor visit, void *context,
                 struct error *error);

#endif
