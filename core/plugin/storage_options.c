/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/storage_options.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/storage.h"

enum { DEFAULT_MODE = 0640 };

static const char directory_plugin[] = "dir";

/* What the list says, before the URI is taken apart. */
struct arguments {
    const char *directory;
    const char *uri;
    struct storage_options options;
};

static const struct suboption suboptions[] = {
    {"dir", OPTION_STRING(struct arguments, directory, "DIR")},
    {"backend-uri", OPTION_STRING(struct arguments, uri, "URI")},
    {"mode", OPTION_MODE(struct arguments, options.mode)},
    {"lock", OPTION_BOOLEAN(struct arguments, options.lock)},
    {"backup", OPTION_BOOLEAN(struct arguments, options.backup)},
    {"fsync", OPTION_BOOLEAN(struct arguments, options.durable)},
};

static const char *const places[] = {"dir", "backend-uri", NULL};

const struct suboption_set storage_suboptions = {.suboptions = suboptions,
                                                 .count = sizeof suboptions / sizeof suboptions[0],
                                                 .alternatives = places};

const struct storage_options storage_options_default = {
    .mode = DEFAULT_MODE, .lock = true, .durable = true};

/* Cuts the URI after its scheme, so that both halves are strings. */
static int split_uri(char *uri, struct storage_options *options, struct error *error)
{
    char scheme[32];

    if (storage_uri_split(uri, scheme, &options->location, error) != 0)
        return -1;
    uri[strlen(scheme)] = '\0';
    options->plugin = uri;
    return 0;
}

int storage_options_parse(const char *option, char *text, struct storage_options *options,
                          struct error *error)
{
    struct arguments arguments = {.options = storage_options_default};

    if (suboptions_parse(option, text, &storage_suboptions, &arguments, error) != 0)
        return -1;
    if (arguments.directory != NULL) {
        arguments.options.plugin = directory_plugin;
        arguments.options.location = arguments.directory;
    } else if (arguments.uri != NULL &&
               split_uri(text + (arguments.uri - text), &arguments.options, error) != 0) {
        error_prefix(error, "option %s: sub-option 'backend-uri': ", option);
        return -1;
    }
    *options = arguments.options;
    return 0;
}

void storage_options_use_environment(struct storage_options *options)
{
    const char *directory = secure_getenv("TPM_PATH");

    if (options->plugin != NULL || directory == NULL || directory[0] == '\0')
        return;
    options->plugin = directory_plugin;
    options->location = directory;
}
