/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/print.h"

#include <inttypes.h>

#include "plugin/storage.h"
#include "state/state_store.h"

static int print_list(struct state_store *store, FILE *to, struct error *error)
{
    static const enum state_type types[] = {STATE_PERMANENT, STATE_VOLATILE, STATE_SAVE};
    const char *separator = "";

    fprintf(to, "{ \"type\": \"swtpm\", \"states\": [");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool exists;
        uint64_t size;
        if (state_store_exists(store, types[i], &exists, &size, error) != 0)
            return -1;
        if (!exists)
            continue;
        fprintf(to, "%s {\"name\": \"%s\", \"size\": %" PRIu64 "}", separator,
                state_type_name(types[i]), size);
        separator = ",";
    }
    fprintf(to, "%s] }\n", separator[0] != '\0' ? " " : "");
    return 0;
}

static int print_states_of(struct storage *storage, const struct config *config, FILE *to,
                           struct error *error)
{
    const struct state_store_parameters parameters = {
        .version = config->version, .storage = storage, .location = config->storage_location};
    struct state_store *store;

    if (state_store_new(&parameters, &store, error) != 0)
        return -1;
    int result = print_list(store, to, error);
    state_store_free(store);
    return result;
}

int print_states(const struct config *config, FILE *to, struct error *error)
{
    struct storage_parameters parameters = {
        .location = config->storage_location, .mode = config->storage_mode, .read_only = true};
    const struct storage_plugin *plugin;
    struct storage *storage;

    if (storage_load(&config->plugin_search, config->storage_plugin, &plugin, error) != 0 ||
        storage_open(plugin, &parameters, &storage, error) != 0)
        return -1;
    int result = print_states_of(storage, config, to, error);
    storage_close(storage);
    return result;
}
