/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/place.h"

#include <stdlib.h>
#include <string.h>

static int check_promises(const struct place *place, const char *option, struct error *error)
{
    const char *name = place->options.plugin;

    if (place->options.durable && !storage_plugin_can_be_durable(place->plugin)) {
        error_set(error, "option %s: storage '%s' cannot make state survive a loss of power; add "
                         "fsync=false to take that risk", option, name);
        return -1;
    }
    if (place->options.lock && !storage_plugin_can_lock(place->plugin)) {
        error_set(error, "option %s: storage '%s' cannot keep others from using the state; add "
                         "lock=false to take that risk", option, name);
        return -1;
    }
    return 0;
}

int place_load(struct place *place, const char *option, const char *text,
               const struct plugin_search *search, struct error *error)
{
    place->options = storage_options_default;
    if (text != NULL) {
        place->text = strdup(text);
        if (place->text == NULL) {
            error_set(error, "option %s: no memory", option);
            return -1;
        }
        if (storage_options_parse(option, place->text, &place->options, error) != 0)
            return -1;
    }
    storage_options_use_environment(&place->options);
    if (place->options.plugin == NULL) {
        error_set(error, "say where the state is: %s dir=DIR or %s backend-uri=URI", option,
                  option);
        return -1;
    }
    if (storage_load(search, place->options.plugin, &place->plugin, error) != 0)
        return -1;
    return check_promises(place, option, error);
}

static int open_store(struct place *place, enum place_use use, enum tpm_version version,
                      const struct state_key *key, struct error *error)
{
    const struct storage_parameters parameters = {
        .location = place->options.location,
        .mode = place->options.mode,
        .create = use == PLACE_MAKE,
        .read_only = use == PLACE_READ && !place->options.lock,
    };

    int result = storage_open(place->plugin, &parameters, &place->storage, error);
    if (result != 0)
        return result;
    const struct state_store_parameters store_parameters = {
        .version = version,
        .storage = place->storage,
        .location = place->options.location,
        .key = key,
        .durable = place->options.durable,
        .backup = place->options.backup,
    };
    return state_store_new(&store_parameters, &place->store, error);
}

/* Whether the lock is out of reach for another reason than that somebody holds it. */
static bool lock_is_denied(const struct place *place)
{
    struct error ignored;
    return storage_lock(place->storage, &ignored) == SWTPM_PLUGIN_DENIED;
}

int place_open(struct place *place, enum place_use use, enum tpm_version version,
               const struct state_key *key, struct error *error)
{
    if (use == PLACE_VISIT)
        return 0;
    int result = open_store(place, use, version, key, error);
    bool is_denied = result == SWTPM_PLUGIN_DENIED;
    if (result == 0 && place->options.lock && state_store_lock(place->store, 0, error) != 0) {
        result = -1;
        is_denied = lock_is_denied(place);
    }
    if (is_denied && use == PLACE_READ && place->options.lock)
        error_append(error, "; or add lock=false, to read what nobody changes meanwhile");
    return result == 0 ? 0 : -1;
}

bool place_is_same(struct place *first, struct place *second)
{
    struct error ignored;

    if (second->store == NULL || !state_store_is_locked(first->store))
        return false;
    state_store_unlock(first->store);
    return state_store_lock(second->store, 0, &ignored) == 0 &&
           state_store_lock(first->store, 0, &ignored) != 0;
}

void place_close(struct place *place)
{
    if (place->store != NULL)
        state_store_unlock(place->store);
    state_store_free(place->store);
    storage_close(place->storage);
    free(place->text);
    *place = (struct place){0};
}
