/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/storage.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/descriptor.h"
#include "plugin/result.h"

enum {
    PLUGIN_NAME_SIZE = 32,
    /* Values up to this size, as a TPM's states usually are, are got with one op.  It is no larger
     * since all of it is wiped each time, which costs a start more than the copying. */
    FIRST_GET_SIZE = 16 << 10,
    /* How often a value may change its size under a get before that counts as a failure. */
    GET_TRIES = 8
};

struct storage_plugin {
    const struct swtpm_plugin *descriptor;
    struct swtpm_storage_ops ops;
    struct storage_plugin *next;
};

struct storage {
    const struct storage_plugin *plugin;
    struct swtpm_storage *handle; /* owned, given back to the plugin's close */
    bool read_only;
    bool fenced;
};

/* Plugins are never unloaded, so what describes them is kept too.  Loading is done before the
 * process has threads. */
static struct storage_plugin *loaded_plugins;

/* ------------------------------------------------------------------------------ loading ------ */

int storage_uri_split(const char *uri, char name[PLUGIN_NAME_SIZE], const char **location,
                      struct error *error)
{
    const char *separator = strstr(uri, "://");
    if (separator == NULL || separator[3] == '\0') {
        error_set(error, "'%s' is not a storage URI: wanted NAME://LOCATION, as in "
                         "dir:///var/lib/tpm", uri);
        return -1;
    }
    char scheme[PLUGIN_NAME_SIZE] = "";
    size_t length = (size_t)(separator - uri);
    if (length < sizeof scheme)
        memcpy(scheme, uri, length);
    if (!plugin_name_is_valid(scheme)) {
        error_set(error, "'%s' is not a storage URI: what stands before :// must be the name of a "
                         "storage plugin, 1 to 31 characters a-z, 0-9 and -", uri);
        return -1;
    }
    memcpy(name, scheme, sizeof scheme);
    *location = separator + 3;
    return 0;
}

static const struct storage_plugin *find_loaded(const struct swtpm_plugin *descriptor)
{
    const struct storage_plugin *plugin = loaded_plugins;
    while (plugin != NULL && plugin->descriptor != descriptor)
        plugin = plugin->next;
    return plugin;
}

static const struct storage_plugin *add_loaded(const struct swtpm_plugin *descriptor,
                                               struct error *error)
{
    struct storage_plugin *plugin = malloc(sizeof *plugin);
    if (plugin == NULL) {
        error_set(error, "no memory for storage plugin '%s'", descriptor->name);
        return NULL;
    }
    *plugin = (struct storage_plugin){.descriptor = descriptor, .next = loaded_plugins};
    plugin_ops_copy(&plugin->ops, sizeof plugin->ops, descriptor->ops.storage,
                    descriptor->ops_size);
    loaded_plugins = plugin;
    return plugin;
}

int storage_load(const struct plugin_search *search, const char *name,
                 const struct storage_plugin **plugin, struct error *error)
{
    const struct swtpm_plugin *descriptor =
        plugin_load(search, SWTPM_PLUGIN_STORAGE, name, error);
    if (descriptor == NULL)
        return -1;
    const struct storage_plugin *found = find_loaded(descriptor);
    if (found == NULL)
        found = add_loaded(descriptor, error);
    if (found == NULL)
        return -1;
    *plugin = found;
    return 0;
}

const struct swtpm_plugin *storage_plugin_descriptor(const struct storage_plugin *plugin)
{
    return plugin->descriptor;
}

bool storage_plugin_can_be_durable(const struct storage_plugin *plugin)
{
    return (plugin->ops.capabilities & SWTPM_STORAGE_CAN_BE_DURABLE) != 0;
}

bool storage_plugin_can_lock(const struct storage_plugin *plugin)
{
    return (plugin->ops.capabilities & SWTPM_STORAGE_CAN_LOCK) != 0;
}

/* ----------------------------------------------------------------------------- checking ------ */

static int check_usable(const struct storage *storage, struct error *error)
{
    if (!storage->fenced)
        return SWTPM_PLUGIN_OK;
    return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_FENCED, error,
                          "somebody else has taken over this state; stop using it here");
}

static int check_writable(const struct storage *storage, struct error *error)
{
    if (!storage->read_only)
        return check_usable(storage, error);
    return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_DENIED, error,
                          "the store was opened for reading only");
}

static bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= SWTPM_STORAGE_NAME_MAX && strchr(".-", name[0]) == NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

static int check_name(const struct storage *storage, const char *name, struct error *error)
{
    if (name_is_valid(name))
        return SWTPM_PLUGIN_OK;
    return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_INVALID, error,
                          "'%.80s' cannot be the name of a value: wanted 1 to %d characters a-z, "
                          "0-9, . and -, the first a letter or digit", name,
                          SWTPM_STORAGE_NAME_MAX);
}

/* Every op's result passes through here. */
static int finish(struct storage *storage, int code, struct swtpm_plugin_error *plugin_error,
                  struct error *error)
{
    code = plugin_result(storage->plugin->descriptor, code, plugin_error, error);
    if (code == SWTPM_PLUGIN_FENCED)
        storage->fenced = true;
    return code;
}

/* ----------------------------------------------------------------------------- open, close --- */

static int announce_to_nobody(void *context, const char *path, uint32_t access)
{
    (void)context;
    (void)path;
    (void)access;
    return SWTPM_PLUGIN_OK;
}

static int open_handle(struct storage *storage, const struct storage_parameters *parameters,
                       struct error *error)
{
    const struct swtpm_storage_parameters for_plugin = {
        .location = parameters->location,
        .mode = (uint32_t)parameters->mode & 0777,
        .flags = (parameters->create ? (uint32_t)SWTPM_STORAGE_CREATE : 0) |
                 (parameters->read_only ? (uint32_t)SWTPM_STORAGE_READ_ONLY : 0),
        .announce_path =
            parameters->announce_path != NULL ? parameters->announce_path : announce_to_nobody,
        .context = parameters->context,
    };
    struct swtpm_plugin_error plugin_error;

    plugin_error_clear(&plugin_error);
    int code = storage->plugin->ops.open(&storage->handle, &for_plugin, &plugin_error);
    if (code == SWTPM_PLUGIN_OK && storage->handle == NULL)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_IO, error,
                              "opened '%s' without giving a handle; its author has to correct it",
                              parameters->location);
    return finish(storage, code, &plugin_error, error);
}

int storage_open(const struct storage_plugin *plugin, const struct storage_parameters *parameters,
                 struct storage **storage, struct error *error)
{
    struct storage *opened = malloc(sizeof *opened);
    if (opened == NULL)
        return plugin_failure(plugin->descriptor, SWTPM_PLUGIN_NO_MEMORY, error,
                              "no memory to open '%s'", parameters->location);
    *opened = (struct storage){.plugin = plugin, .read_only = parameters->read_only};
    int code = open_handle(opened, parameters, error);
    if (code != SWTPM_PLUGIN_OK) {
        free(opened);
        return code;
    }
    *storage = opened;
    return SWTPM_PLUGIN_OK;
}

void storage_close(struct storage *storage)
{
    if (storage == NULL)
        return;
    storage->plugin->ops.close(storage->handle);
    free(storage);
}

/* --------------------------------------------------------------------------------- lock ------ */

int storage_lock(struct storage *storage, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    int code = check_writable(storage, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    plugin_error_clear(&plugin_error);
    return finish(storage, storage->plugin->ops.lock(storage->handle, &plugin_error), &plugin_error,
                  error);
}

int storage_unlock(struct storage *storage, struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    int code = check_usable(storage, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    plugin_error_clear(&plugin_error);
    return finish(storage, storage->plugin->ops.unlock(storage->handle, &plugin_error),
                  &plugin_error, error);
}

/* ---------------------------------------------------------------------------------- get ------ */

static int get_once(struct storage *storage, const char *name, struct buffer *scratch,
                    struct swtpm_plugin_error *plugin_error)
{
    const struct swtpm_buffer room = {.data = scratch->data, .size = scratch->capacity};
    size_t size = 0;

    plugin_error_clear(plugin_error);
    int code = storage->plugin->ops.get(storage->handle, name, room, &size, plugin_error);
    if (code == SWTPM_PLUGIN_OK)
        scratch->size = size;
    return code;
}

static int ask_size(struct storage *storage, const char *name, size_t *size, struct error *error)
{
    struct buffer nothing = {0};
    struct swtpm_plugin_error plugin_error;

    int code = finish(storage, get_once(storage, name, &nothing, &plugin_error), &plugin_error,
                      error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (nothing.size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_CORRUPT, error,
                              "the value '%s' has %zu bytes, more than the %u allowed", name,
                              nothing.size, SWTPM_STORAGE_VALUE_MAX);
    *size = nothing.size;
    return SWTPM_PLUGIN_OK;
}

int storage_size(struct storage *storage, const char *name, size_t *size, struct error *error)
{
    int code = check_usable(storage, error);
    if (code == SWTPM_PLUGIN_OK)
        code = check_name(storage, name, error);
    return code == SWTPM_PLUGIN_OK ? ask_size(storage, name, size, error) : code;
}

/* Makes `scratch` large enough for the value as it is now. */
static int reserve_value(struct storage *storage, const char *name, struct buffer *scratch,
                         struct error *error)
{
    size_t size;

    int code = ask_size(storage, name, &size, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (buffer_reserve(scratch, size) != 0)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_NO_MEMORY, error,
                              "no memory for the %zu bytes of the value '%s'", size, name);
    return SWTPM_PLUGIN_OK;
}

static int get_into(struct storage *storage, const char *name, struct buffer *scratch,
                    struct error *error)
{
    struct swtpm_plugin_error plugin_error;

    for (unsigned i = 0; i < GET_TRIES; i++) {
        int code = get_once(storage, name, scratch, &plugin_error);
        if (code == SWTPM_PLUGIN_OK && scratch->size > scratch->capacity) {
            scratch->size = 0;
            return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_IO, error,
                                  "gave more of the value '%s' than there was room for", name);
        }
        if (code != SWTPM_PLUGIN_TOO_SMALL)
            return finish(storage, code, &plugin_error, error);
        code = reserve_value(storage, name, scratch, error);
        if (code != SWTPM_PLUGIN_OK)
            return code;
    }
    return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_IO, error,
                          "the value '%s' grew at each of %d tries to read it", name, GET_TRIES);
}

/* Makes a copy of exactly the value's size: what is kept need not take up the whole first one. */
static int keep_exactly(const struct storage *storage, const struct buffer *scratch,
                        struct buffer *value, struct error *error)
{
    struct buffer exact = {0};

    if (buffer_reserve(&exact, scratch->size) != 0)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_NO_MEMORY, error,
                              "no memory for a value of %zu bytes", scratch->size);
    if (scratch->size > 0)
        memcpy(exact.data, scratch->data, scratch->size);
    exact.size = scratch->size;
    buffer_move(value, &exact);
    return SWTPM_PLUGIN_OK;
}

int storage_get(struct storage *storage, const char *name, struct buffer *value,
                struct error *error)
{
    struct buffer scratch = {0};

    int code = check_usable(storage, error);
    if (code == SWTPM_PLUGIN_OK)
        code = check_name(storage, name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (buffer_reserve(&scratch, FIRST_GET_SIZE) != 0)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_NO_MEMORY, error,
                              "no memory to read the value '%s'", name);
    code = get_into(storage, name, &scratch, error);
    if (code == SWTPM_PLUGIN_OK)
        code = keep_exactly(storage, &scratch, value, error);
    buffer_free(&scratch);
    return code;
}

/* -------------------------------------------------------------------------- put, delete ------ */

/* What holds for put and delete alike; sets the plugin's flags. */
static int check_write(const struct storage *storage, const char *name, bool durable,
                       uint32_t *flags, struct error *error)
{
    int code = check_writable(storage, error);
    if (code == SWTPM_PLUGIN_OK)
        code = check_name(storage, name, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (durable && !storage_plugin_can_be_durable(storage->plugin))
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_UNSUPPORTED, error,
                              "cannot promise that '%s' survives power loss; allow that with "
                              "--tpmstate …,fsync=false, or use another plugin", name);
    *flags = durable ? (uint32_t)SWTPM_STORAGE_DURABLE : 0;
    return SWTPM_PLUGIN_OK;
}

int storage_put(struct storage *storage, const char *name, struct swtpm_bytes value, bool durable,
                struct error *error)
{
    struct swtpm_plugin_error plugin_error;
    uint32_t flags = 0;

    int code = check_write(storage, name, durable, &flags, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    if (value.size > SWTPM_STORAGE_VALUE_MAX)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_INVALID, error,
                              "the value '%s' has %zu bytes, more than the %u allowed", name,
                              value.size, SWTPM_STORAGE_VALUE_MAX);
    plugin_error_clear(&plugin_error);
    code = storage->plugin->ops.put(storage->handle, name, value, flags, &plugin_error);
    return finish(storage, code, &plugin_error, error);
}

int storage_delete(struct storage *storage, const char *name, bool durable, struct error *error)
{
    struct swtpm_plugin_error plugin_error;
    uint32_t flags = 0;

    int code = check_write(storage, name, durable, &flags, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    plugin_error_clear(&plugin_error);
    code = storage->plugin->ops.del(storage->handle, name, flags, &plugin_error);
    return finish(storage, code, &plugin_error, error);
}

/* --------------------------------------------------------------------------------- list ------ */

/* Stands between the plugin and the core's visitor, so that the visitor's own codes can be told
 * from the plugin's. */
struct list_guard {
    swtpm_storage_visitor visit;
    void *context;
    int stopped_with; /* what the visitor returned */
    bool has_bad_name;
};

static int visit_checked(void *context, const char *name, uint64_t size)
{
    struct list_guard *guard = context;

    if (!name_is_valid(name)) {
        guard->has_bad_name = true;
        return SWTPM_PLUGIN_IO;
    }
    guard->stopped_with = guard->visit(guard->context, name, size);
    return guard->stopped_with;
}

int storage_list(struct storage *storage, swtpm_storage_visitor visit, void *context,
                 struct error *error)
{
    struct list_guard guard = {.visit = visit, .context = context};
    struct swtpm_plugin_error plugin_error;

    int code = check_usable(storage, error);
    if (code != SWTPM_PLUGIN_OK)
        return code;
    plugin_error_clear(&plugin_error);
    code = storage->plugin->ops.list(storage->handle, visit_checked, &guard, &plugin_error);
    if (guard.has_bad_name)
        return plugin_failure(storage->plugin->descriptor, SWTPM_PLUGIN_IO, error,
                              "listed a value with a name that is not allowed; its author has to "
                              "correct it");
    if (guard.stopped_with != 0)
        return guard.stopped_with;
    return finish(storage, code, &plugin_error, error);
}

/* -------------------------------------------------------------------------- list stores ------ */

/* As list_guard. */
struct store_guard {
    swtpm_store_visitor visit;
    void *context;
    int stopped_with;
};

static int visit_store(void *context, const char *location)
{
    struct store_guard *guard = context;

    guard->stopped_with = guard->visit(guard->context, location);
    return guard->stopped_with;
}

int storage_list_stores(const struct storage_plugin *plugin, const char *location,
                        swtpm_store_visitor visit, void *context, struct error *error)
{
    struct store_guard guard = {.visit = visit, .context = context};
    struct swtpm_plugin_error plugin_error;

    if (plugin->ops.list_stores == NULL)
        return visit(context, location);
    plugin_error_clear(&plugin_error);
    int code = plugin->ops.list_stores(location, visit_store, &guard, &plugin_error);
    if (guard.stopped_with != 0)
        return guard.stopped_with;
    return plugin_result(plugin->descriptor, code, &plugin_error, error);
}
