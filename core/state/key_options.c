/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/key_options.h"

static const struct option_value_choice formats[] = {
    {"hex", KEY_FORMAT_HEX}, {"binary", KEY_FORMAT_BINARY}, {0}};

static const struct option_value_choice derivations[] = {
    {"pbkdf2", KEY_DERIVATION_PBKDF2},
    {"sha512", KEY_DERIVATION_SHA512},
    {"pbkdf2-strong", KEY_DERIVATION_PBKDF2_STRONG},
    {0}};

static const struct option_value_choice modes[] = {{"aes-cbc", KEY_MODE_AES_128_CBC},
                                                   {"aes-128-cbc", KEY_MODE_AES_128_CBC},
                                                   {"aes-256-cbc", KEY_MODE_AES_256_CBC},
                                                   {"aes-256-gcm", KEY_MODE_AES_256_GCM},
                                                   {0}};

/* The last one is for the migration key alone. */
static const struct suboption suboptions[] = {
    {"file", OPTION_STRING(struct key_parameters, file, "PATH")},
    {"fd", OPTION_FD(struct key_parameters, fd)},
    {"format", OPTION_CHOICE(struct key_parameters, format, formats)},
    {"pwdfile", OPTION_STRING(struct key_parameters, password_file, "PATH")},
    {"pwdfd", OPTION_FD(struct key_parameters, password_fd)},
    {"kdf", OPTION_CHOICE(struct key_parameters, derivation, derivations)},
    {"mode", OPTION_CHOICE(struct key_parameters, mode, modes)},
    {"remove", OPTION_BOOLEAN(struct key_parameters, remove)},
    {"require", OPTION_BOOLEAN(struct key_parameters, require)},
};

enum { COUNT = sizeof suboptions / sizeof suboptions[0] };

static const char a_key_or_a_passphrase[] = "'format' belongs to a key, 'kdf' to a passphrase";
static const char nothing_to_remove[] = "a file descriptor has no name to remove";

static const struct suboption_conflict conflicts[] = {{"pwdfile", "format", a_key_or_a_passphrase},
                                                      {"pwdfd", "format", a_key_or_a_passphrase},
                                                      {"file", "kdf", a_key_or_a_passphrase},
                                                      {"fd", "kdf", a_key_or_a_passphrase},
                                                      {"fd", "remove", nothing_to_remove},
                                                      {"pwdfd", "remove", nothing_to_remove},
                                                      {0}};

static const char *const sources[] = {"file", "fd", "pwdfile", "pwdfd", NULL};

const struct suboption_set key_suboptions = {.suboptions = suboptions,
                                             .count = COUNT - 1,
                                             .alternatives = sources,
                                             .needs_alternative = true,
                                             .conflicts = conflicts};
const struct suboption_set migration_key_suboptions = {.suboptions = suboptions,
                                                       .count = COUNT,
                                                       .alternatives = sources,
                                                       .needs_alternative = true,
                                                       .conflicts = conflicts};

const struct key_parameters key_parameters_none = {.fd = -1, .password_fd = -1};

static int parse(const struct suboption_set *set, const char *option, char *text,
                 struct key_parameters *parameters, struct error *error)
{
    *parameters = key_parameters_none;
    parameters->option = option;
    return suboptions_parse(option, text, set, parameters, error);
}

int key_options_parse(const char *option, char *text, struct key_parameters *parameters,
                      struct error *error)
{
    return parse(&key_suboptions, option, text, parameters, error);
}

int migration_key_options_parse(const char *option, char *text, struct key_parameters *parameters,
                                struct error *error)
{
    return parse(&migration_key_suboptions, option, text, parameters, error);
}
