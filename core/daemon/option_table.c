/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/option_table.h"

#include <string.h>

#include "plugin/storage_options.h"
#include "state/key_options.h"
#include "util/number.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { DEVICE_NUMBER_MAX = 65535, LOG_LEVEL_MAX = 65535 };

/* --------------------------------------------------------- options with their own parser ----- */

static int parse_storage(const char *option, char *argument, struct config *config,
                         struct error *error)
{
    struct storage_options options;

    if (storage_options_parse(option, argument, &options, error) != 0)
        return -1;
    config->storage_plugin = options.plugin;
    config->storage_location = options.location;
    config->storage_mode = options.mode;
    config->storage_lock = options.lock;
    config->storage_backup = options.backup;
    config->storage_durable = options.durable;
    return 0;
}

static int parse_key(const char *option, char *argument, struct config *config, struct error *error)
{
    return key_options_parse(option, argument, &config->key, error);
}

static int parse_migration_key(const char *option, char *argument, struct config *config,
                               struct error *error)
{
    return migration_key_options_parse(option, argument, &config->migration_key, error);
}

/* All flags of GET_INFO together (swtpm-ptm(4), PTM_GET_INFO). */
#define INFO_FLAGS 0xff

static int parse_info_flags(const char *option, char *argument, struct config *config,
                            struct error *error)
{
    if (number_parse(argument, 0, INFO_FLAGS, &config->info_flags) == 0 &&
        config->info_flags != 0) {
        config->action = CONFIG_PRINT_INFO;
        return 0;
    }
    error_set(error,
              "option %s: '%s' is not a number from 1 to 0xff; add up what you want to see of "
              "1 (specification), 2 (attributes), 4 (features), 8 (algorithms), 0x10 (commands), "
              "0x20 (active profile), 0x40 (available profiles), 0x80 (attributes in force)",
              option, argument);
    return -1;
}

/* The flags as written; struct config says what follows from them. */
struct startup_flags {
    bool not_need_init;
    bool clear;
    bool state;
    bool deactivated;
    bool none;
    bool disable_automatic_shutdown;
};

static const struct suboption startup_suboptions[] = {
    {"not-need-init", OPTION_BOOLEAN(struct startup_flags, not_need_init)},
    {"startup-clear", OPTION_BOOLEAN(struct startup_flags, clear)},
    {"startup-state", OPTION_BOOLEAN(struct startup_flags, state)},
    {"startup-deactivated", OPTION_BOOLEAN(struct startup_flags, deactivated)},
    {"startup-none", OPTION_BOOLEAN(struct startup_flags, none)},
    {"disable-auto-shutdown", OPTION_BOOLEAN(struct startup_flags, disable_automatic_shutdown)},
};

static const char *const startups[] = {"startup-clear", "startup-state", "startup-deactivated",
                                       "startup-none", NULL};

static const struct suboption_set startup_set = {.suboptions = startup_suboptions,
                                                 .count = COUNT_OF(startup_suboptions),
                                                 .alternatives = startups};

static int parse_startup_flags(const char *option, char *argument, struct config *config,
                               struct error *error)
{
    struct startup_flags flags = {0};

    if (suboptions_parse(option, argument, &startup_set, &flags, error) != 0)
        return -1;
    config->startup = flags.clear         ? CONFIG_STARTUP_CLEAR
                      : flags.state       ? CONFIG_STARTUP_STATE
                      : flags.deactivated ? CONFIG_STARTUP_DEACTIVATED
                                          : CONFIG_STARTUP_NONE;
    config->needs_init = !flags.not_need_init && config->startup == CONFIG_STARTUP_NONE;
    config->automatic_shutdown = !flags.disable_automatic_shutdown;
    return 0;
}

/* ---------------------------------------------------------------------------- sub-options ----- */

static const char *const file_or_fd[] = {"file", "fd", NULL};

static const char not_for_a_descriptor[] = "this is done to a file that is opened by name";

static const struct suboption log_suboptions[] = {
    {"file", OPTION_STRING(struct config, log.path, "PATH")},
    {"fd", OPTION_FD(struct config, log.fd)},
    {"level", OPTION_UNSIGNED(struct config, log.level, LOG_LEVEL_MAX)},
    {"prefix",
     {.type = OPTION_VALUE_STRING,
      .metavariable = "TEXT",
      .offset = offsetof(struct config, log.prefix),
      .may_be_empty = true}},
    {"truncate", OPTION_BOOLEAN(struct config, log.truncate)},
    {"timestamps", OPTION_BOOLEAN(struct config, log.timestamps)},
};
static const struct suboption_conflict log_conflicts[] = {{"fd", "truncate", not_for_a_descriptor},
                                                          {0}};
static const struct suboption_set log_set = {.suboptions = log_suboptions,
                                             .count = COUNT_OF(log_suboptions),
                                             .alternatives = file_or_fd,
                                             .conflicts = log_conflicts};

static const struct suboption locality_suboptions[] = {
    {"reject-locality-4", OPTION_BOOLEAN(struct config, reject_locality_4)},
    {"allow-set-locality", OPTION_BOOLEAN(struct config, allow_set_locality)},
};
static const struct suboption_set locality_set = {.suboptions = locality_suboptions,
                                                  .count = COUNT_OF(locality_suboptions)};

static const struct suboption pid_suboptions[] = {
    {"file", OPTION_STRING(struct config, pid_file, "PATH")},
    {"fd", OPTION_FD(struct config, pid_fd)},
};
static const struct suboption_set pid_set = {.suboptions = pid_suboptions,
                                             .count = COUNT_OF(pid_suboptions),
                                             .alternatives = file_or_fd,
                                             .needs_alternative = true};

static const struct option_value_choice seccomp_actions[] = {
    {"kill", CONFIG_SECCOMP_KILL}, {"log", CONFIG_SECCOMP_LOG}, {"none", CONFIG_SECCOMP_NONE}, {0}};
static const struct suboption seccomp_suboptions[] = {
    {"action", OPTION_CHOICE(struct config, seccomp_action, seccomp_actions)},
};
static const char *const seccomp_mandatory[] = {"action", NULL};
static const struct suboption_set seccomp_set = {.suboptions = seccomp_suboptions,
                                                 .count = COUNT_OF(seccomp_suboptions),
                                                 .alternatives = seccomp_mandatory,
                                                 .needs_alternative = true};

static const struct suboption migration_suboptions[] = {
    {"incoming", OPTION_BOOLEAN(struct config, migration_incoming)},
    {"release-lock-outgoing", OPTION_BOOLEAN(struct config, migration_release_lock)},
};
static const struct suboption_set migration_set = {.suboptions = migration_suboptions,
                                                   .count = COUNT_OF(migration_suboptions)};

static const struct option_value_choice disabled_checks[] = {{"check", 0}, {"fips-host", 0}, {0}};
static const struct suboption profile_suboptions[] = {
    {"name", OPTION_STRING(struct config, profile.name, "NAME")},
    {"profile", OPTION_STRING(struct config, profile.json, "JSON")},
    {"file", OPTION_STRING(struct config, profile.file, "PATH")},
    {"fd", OPTION_FD(struct config, profile.fd)},
    {"remove-disabled",
     {.type = OPTION_VALUE_STRING,
      .offset = offsetof(struct config, profile.remove_disabled),
      .choices = disabled_checks}},
};
static const char *const profile_sources[] = {"name", "profile", "file", "fd", NULL};
static const struct suboption_set profile_set = {.suboptions = profile_suboptions,
                                                 .count = COUNT_OF(profile_suboptions),
                                                 .alternatives = profile_sources,
                                                 .needs_alternative = true};

static const struct suboption capture_suboptions[] = {
    {"file", OPTION_STRING(struct config, capture.file, "PATH")},
    {"fd", OPTION_FD(struct config, capture.fd)},
    {"truncate", OPTION_BOOLEAN(struct config, capture.truncate)},
    {"mode", OPTION_MODE(struct config, capture.mode)},
    {"checksums", OPTION_BOOLEAN(struct config, capture.checksums)},
};
static const struct suboption_conflict capture_conflicts[] = {
    {"fd", "truncate", not_for_a_descriptor}, {"fd", "mode", not_for_a_descriptor}, {0}};
static const struct suboption_set capture_set = {.suboptions = capture_suboptions,
                                                 .count = COUNT_OF(capture_suboptions),
                                                 .alternatives = file_or_fd,
                                                 .needs_alternative = true,
                                                 .conflicts = capture_conflicts};

/* -------------------------------------------------------------------------------- options ----- */

const struct option_description option_table[] = {
    {.name = "--name",
     .short_name = 'n',
     .group = OPTION_GROUP_DEVICE,
     .summary = "make the device /dev/NAME (mandatory)",
     .value = OPTION_STRING(struct config, device_name, "NAME")},
    {.name = "--maj",
     .short_name = 'M',
     .group = OPTION_GROUP_DEVICE,
     .summary = "its major number, 0 to 65535; 0: any free one",
     .value = OPTION_UNSIGNED(struct config, device_major, DEVICE_NUMBER_MAX)},
    {.name = "--min",
     .short_name = 'm',
     .group = OPTION_GROUP_DEVICE,
     .summary = "its minor number, 0 to 65535",
     .value = OPTION_UNSIGNED(struct config, device_minor, DEVICE_NUMBER_MAX)},
    {.name = "--cuse-fd",
     .group = OPTION_GROUP_DEVICE,
     .summary = "serve on this open /dev/cuse; no root needed",
     .value = OPTION_FD(struct config, cuse_fd)},

    {.name = "--tpm2",
     .group = OPTION_GROUP_TPM,
     .summary = "a TPM 2; otherwise a TPM 1.2",
     .value = OPTION_CONSTANT(struct config, version, TPM_VERSION_2_0)},
    {.name = "--flags",
     .group = OPTION_GROUP_TPM,
     .summary = "how the TPM starts and stops",
     .suboptions = &startup_set,
     .parse = parse_startup_flags},
    {.name = "--locality",
     .group = OPTION_GROUP_TPM,
     .summary = "which localities clients may take",
     .suboptions = &locality_set},
    {.name = "--profile",
     .group = OPTION_GROUP_TPM,
     .summary = "profile of a new TPM 2 (libtpms 0.10)",
     .suboptions = &profile_set},

    {.name = "--tpmstate",
     .group = OPTION_GROUP_STATE,
     .summary = "where the TPM's state is kept; else in $TPM_PATH",
     .suboptions = &storage_suboptions,
     .parse = parse_storage},
    {.name = "--migration",
     .group = OPTION_GROUP_STATE,
     .summary = "when the state's lock is taken and dropped",
     .suboptions = &migration_set},
    {.name = "--plugin-dir",
     .group = OPTION_GROUP_STATE,
     .summary = "look for plugins here first",
     .value = OPTION_STRING(struct config, plugin_search.directory, "DIR")},

    {.name = "--key",
     .group = OPTION_GROUP_KEYS,
     .summary = "encrypt the stored state",
     .suboptions = &key_suboptions,
     .parse = parse_key},
    {.name = "--migration-key",
     .group = OPTION_GROUP_KEYS,
     .summary = "encrypt state blobs that leave the TPM",
     .suboptions = &migration_key_suboptions,
     .parse = parse_migration_key},
    {.name = "--crypto",
     .group = OPTION_GROUP_KEYS,
     .summary = "crypto plugin; default: " CRYPTO_DEFAULT_PLUGIN,
     .value = OPTION_STRING(struct config, crypto_plugin, "NAME")},

    {.name = "--runas",
     .short_name = 'r',
     .group = OPTION_GROUP_PROCESS,
     .summary = "become this user (name or uid)",
     .value = OPTION_STRING(struct config, run_as, "USER")},
    {.name = "--chroot",
     .short_name = 'R',
     .group = OPTION_GROUP_PROCESS,
     .summary = "make this the root directory; root only",
     .value = OPTION_STRING(struct config, root, "DIR")},
    {.name = "--seccomp",
     .group = OPTION_GROUP_PROCESS,
     .summary = "what a forbidden system call leads to",
     .suboptions = &seccomp_set},
    {.name = "--pid",
     .group = OPTION_GROUP_PROCESS,
     .summary = "write the process id once the device works",
     .suboptions = &pid_set},
    {.name = "--foreground",
     .group = OPTION_GROUP_PROCESS,
     .summary = "stay in the foreground",
     .value = OPTION_BOOLEAN(struct config, foreground)},

    {.name = "--log",
     .group = OPTION_GROUP_LOGGING,
     .summary = "log to a file; '-': no log",
     .suboptions = &log_set},
    {.name = "--pcap",
     .group = OPTION_GROUP_LOGGING,
     .summary = "record commands and responses as pcapng",
     .suboptions = &capture_set},

    {.name = "--print-capabilities",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "what this build and its plugins can do",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_PRINT_CAPABILITIES)},
    {.name = "--print-states",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "which states are stored",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_PRINT_STATES)},
    {.name = "--print-profiles",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "the profiles of libtpms",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_PRINT_PROFILES)},
    {.name = "--print-info",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "what libtpms says of itself",
     .value = {.type = OPTION_VALUE_STRING, .metavariable = "FLAGS"},
     .parse = parse_info_flags},
    {.name = "--print-plugins",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "the plugins found, good and bad",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_PRINT_PLUGINS)},
    {.name = "--print-sandbox",
     .group = OPTION_GROUP_INFORMATION,
     .summary = "the system calls that stay allowed",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_PRINT_SANDBOX)},
    {.name = "--version",
     .short_name = 'v',
     .group = OPTION_GROUP_INFORMATION,
     .summary = "the version of this program",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_VERSION)},
    {.name = "--help",
     .short_name = 'h',
     .group = OPTION_GROUP_INFORMATION,
     .summary = "this help",
     .value = OPTION_CONSTANT(struct config, action, CONFIG_HELP)},
};

const size_t option_table_count = COUNT_OF(option_table);

_Static_assert(COUNT_OF(option_table) <= OPTION_TABLE_MAX, "OPTION_TABLE_MAX is too small");

bool option_takes_argument(const struct option_description *option)
{
    return option->suboptions != NULL || option_value_is_mandatory(&option->value);
}
