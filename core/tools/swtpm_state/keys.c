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

/* One option that names a key. */
struct request {
    const char *option;
    const char *text; /* of the command line; no key: nothing to do */
    int (*parse)(const char *option, char *text, struct key_parameters *parameters,
                 struct error *error);
    struct state_key **key;
    char *copy; /* what `parameters` points into; owned */
    struct key_parameters parameters;
};

enum { REQUESTS = 3 };

/* A command that fails leaves the state under its old key. */
static int refuse_removal(const struct request *request, struct error *error)
{
    if (!request->parameters.remove)
        return 0;
    error_set(error,
              "option %s: no key file is removed here, since the state needs it if the command "
              "fails; leave 'remove' out, and remove the file once the command has succeeded",
              request->option);
    return -1;
}

static int parse(struct request *request, struct error *error)
{
    request->parameters = key_parameters_none;
    if (!is_key(request->text))
        return 0;
    request->copy = strdup(request->text);
    if (request->copy == NULL) {
        error_set(error, "option %s: no memory", request->option);
        return -1;
    }
    if (request->parse(request->option, request->copy, &request->parameters, error) != 0)
        return -1;
    return refuse_removal(request, error);
}

static int descriptor(const struct request *request)
{
    const struct key_parameters *parameters = &request->parameters;
    return parameters->fd >= 0 ? parameters->fd : parameters->password_fd;
}

/* The first key would take what the second is to be read from. */
static int check_distinct(const struct request *one, const struct request *other,
                          struct error *error)
{
    int fd = descriptor(one);

    if (fd < 0 || fd != descriptor(other))
        return 0;
    error_set(error,
              "options %s and %s name the same file descriptor %d, which can be read only once; "
              "give each its own",
              one->option, other->option, fd);
    return -1;
}

static int parse_all(struct request requests[REQUESTS], struct error *error)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        if (parse(&requests[i], error) != 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (check_distinct(&requests[j], &requests[i], error) != 0)
                return -1;
    }
    return 0;
}

static int load_all(const struct request requests[REQUESTS], const struct options *options,
                    struct error *error)
{
    const struct plugin_search search = {.directory = options->plugin_directory};
    const char *plugin = options->crypto != NULL ? options->crypto : CRYPTO_DEFAULT_PLUGIN;
    const struct crypto *crypto = NULL;

    if (crypto_load(&search, plugin, &crypto, error) != 0)
        return -1;
    for (size_t i = 0; i < REQUESTS; i++)
        if (is_key(requests[i].text) &&
            state_key_load(&requests[i].parameters, crypto, requests[i].key, error) != 0)
            return -1;
    return 0;
}

int keys_load(struct keys *keys, const struct options *options, struct error *error)
{
    struct request requests[REQUESTS] = {
        {"--key", options->key, key_options_parse, &keys->key, NULL, {0}},
        {"--new-key", options->new_key, key_options_parse, &keys->new_key, NULL, {0}},
        {"--migration-key", options->migration_key, migration_key_options_parse,
         &keys->migration_key, NULL, {0}},
    };
    int result = 0;

    if (!is_key(options->key) && !is_key(options->new_key) && !is_key(options->migration_key))
        return 0;
    if (parse_all(requests, error) != 0 || load_all(requests, options, error) != 0)
        result = -1;
    keys->require_encrypted = requests[REQUESTS - 1].parameters.require;
    for (size_t i = 0; i < REQUESTS; i++)
        free(requests[i].copy);
    return result;
}

void keys_free(struct keys *keys)
{
    state_key_free(keys->key);
    state_key_free(keys->new_key);
    state_key_free(keys->migration_key);
    *keys = (struct keys){0};
}
