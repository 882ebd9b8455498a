/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/keys.h"

#include <stdlib.h>
#include <string.h>

#include "state/key_options.h"

/* The argument of --new-key that is no key. */
static const char no_key[] = "none";

static bool is_key(const char *text)
{
    return text != NULL && strcmp(text, no_key) != 0;
}

typedef int parse_function(const char *option, char *text, struct key_parameters *parameters,
                           struct error *error);

/* A command that fails leaves the state under its old key. */
static int refuse_removal(const char *option, const struct key_parameters *parameters,
                          struct error *error)
{
    if (!parameters->remove)
        return 0;
    error_set(error,
              "option %s: no key file is removed here, since the state needs it if the command "
              "fails; leave 'remove' out, and remove the file once the command has succeeded",
              option);
    return -1;
}

static int load_key(parse_function *parse, const char *option, const char *text,
                    const struct crypto *crypto, struct state_key **key, bool *require,
                    struct error *error)
{
    struct key_parameters parameters;

    if (!is_key(text))
        return 0;
    char *copy = strdup(text);
    if (copy == NULL) {
        error_set(error, "option %s: no memory", option);
        return -1;
    }
    int result = parse(option, copy, &parameters, error);
    if (result == 0)
        result = refuse_removal(option, &parameters, error);
    if (result == 0)
        result = state_key_load(&parameters, crypto, key, error);
    if (result == 0)
        *require = parameters.require;
    free(copy);
    return result;
}

int keys_load(struct keys *keys, const struct options *options, struct error *error)
{
    const struct plugin_search search = {.directory = options->plugin_directory};
    const char *plugin = options->crypto != NULL ? options->crypto : CRYPTO_DEFAULT_PLUGIN;
    const struct crypto *crypto = NULL;
    bool ignored;

    if (!is_key(options->key) && !is_key(options->new_key) && !is_key(options->migration_key))
        return 0;
    if (crypto_load(&search, plugin, &crypto, error) != 0 ||
        load_key(key_options_parse, "--key", options->key, crypto, &keys->key, &ignored, error) !=
            0 ||
        load_key(key_options_parse, "--new-key", options->new_key, crypto, &keys->new_key,
                 &ignored, error) != 0)
        return -1;
    return load_key(migration_key_options_parse, "--migration-key", options->migration_key, crypto,
                    &keys->migration_key, &keys->require_encrypted, error);
}

void keys_free(struct keys *keys)
{
    state_key_free(keys->key);
    state_key_free(keys->new_key);
    state_key_free(keys->migration_key);
    *keys = (struct keys){0};
}
