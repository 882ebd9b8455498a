/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_state/commands.h"

#include <string.h>

static const struct command commands[] = {
    {"list", command_list, PLACE_VISIT},      {"verify", command_verify, PLACE_READ},
    {"rekey", command_rekey, PLACE_CHANGE},   {"export", command_export, PLACE_READ},
    {"import", command_import, PLACE_MAKE},   {"copy", command_copy, PLACE_READ},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static bool names_file(const struct options *options)
{
    return options->files[STATE_PERMANENT] != NULL || options->files[STATE_VOLATILE] != NULL ||
           options->files[STATE_SAVE] != NULL;
}

/* A command that ignored an option would silently not do what was asked. */
static int check_surplus(const struct command *command, const struct options *options,
                         struct error *error)
{
    bool blobs = command->run == command_export || command->run == command_import;
    bool makes = command->run == command_import || command->run == command_copy;
    const struct {
        bool given;
        bool known;
        const char *name;
    } checks[] = {
        {options->key != NULL, command->run != command_list, "--key"},
        {options->new_key != NULL, command->run == command_rekey, "--new-key"},
        {options->migration_key != NULL, blobs, "--migration-key"},
        {names_file(options), blobs, "--permanent, --volatile or --savestate"},
        {options->decrypted, command->run == command_export, "--decrypted"},
        {options->destination != NULL, command->run == command_copy, "--to"},
        {options->replace, makes, "--replace"},
    };

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].given && !checks[i].known) {
            error_set(error, "'%s' knows no option %s; leave it out", command->name,
                      checks[i].name);
            return -1;
        }
    }
    return 0;
}

static int check_streams(const struct options *options, struct error *error)
{
    unsigned streams = 0;

    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++)
        streams += options->files[type] != NULL && strcmp(options->files[type], "-") == 0;
    if (streams <= 1)
        return 0;
    error_set(error, "only one blob can go through a standard stream; name files for the others");
    return -1;
}

int command_check(const struct command *command, const struct options *options,
                  struct error *error)
{
    const char *missing = NULL;

    if (check_surplus(command, options, error) != 0)
        return -1;
    if (command->run == command_rekey && options->new_key == NULL)
        missing = "--new-key KEY, or --new-key none";
    if (command->run == command_copy && options->destination == NULL)
        missing = "--to PLACE";
    if ((command->run == command_export || command->run == command_import) &&
        !names_file(options))
        missing = "--permanent FILE, --volatile FILE or --savestate FILE";
    if (missing == NULL)
        return check_streams(options, error);
    error_set(error, "'%s' needs %s", command->name, missing);
    return -1;
}
