/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/option_checks.h"

#include <unistd.h>

#include "daemon/device_name.h"
#include "daemon/profile_option.h"

static int check_device_name(struct config *config, struct error *error)
{
    if (config->device_name == NULL && config->action != CONFIG_SERVE)
        return 0;
    if (config->device_name == NULL) {
        error_set(error, "option --name is missing; give the device's name, such as --name vtpm0");
        return -1;
    }
    config->device_name = device_name_check(config->device_name, error);
    if (config->device_name != NULL)
        return 0;
    error_prefix(error, "option --name: ");
    return -1;
}

static int check_storage(struct config *config, struct error *error)
{
    bool needed = config->action == CONFIG_SERVE || config->action == CONFIG_PRINT_STATES;

    if (!needed || config->storage_plugin != NULL)
        return 0;
    error_set(error, "no place for the TPM's state was named; give --tpmstate dir=DIR or "
                     "--tpmstate backend-uri=URI, or set the environment variable TPM_PATH");
    return -1;
}

static int check_lock(struct config *config, struct error *error)
{
    if (!config->migration_release_lock || config->storage_lock)
        return 0;
    error_set(error, "options --migration release-lock-outgoing and --tpmstate lock=false "
                     "contradict each other: there is no lock to release; leave one of them out");
    return -1;
}

static int check_tpm_version(struct config *config, struct error *error)
{
    if (config->version == TPM_VERSION_2_0 && config->startup == CONFIG_STARTUP_DEACTIVATED) {
        error_set(error, "options --tpm2 and --flags startup-deactivated contradict each other: "
                         "only a TPM 1.2 can be deactivated; leave one of them out");
        return -1;
    }
    if (config->version == TPM_VERSION_1_2 && profile_option_is_given(&config->profile)) {
        error_set(error, "option --profile: a TPM 1.2 has no profile; add --tpm2 or leave "
                         "--profile out");
        return -1;
    }
    return 0;
}

static int check_plugins(struct config *config, struct error *error)
{
    const char *directory = config->plugin_search.directory;

    if (directory != NULL && directory[0] != '/') {
        error_set(error, "option --plugin-dir: '%s' is no absolute path; let it start with a '/'",
                  directory);
        return -1;
    }
    if (!plugin_name_is_valid(config->crypto_plugin)) {
        error_set(error,
                  "option --crypto: '%s' is no plugin name; give small letters, digits and "
                  "'-' only, such as " CRYPTO_DEFAULT_PLUGIN,
                  config->crypto_plugin);
        return -1;
    }
    return 0;
}

static int check_root(struct config *config, struct error *error)
{
    if (config->root == NULL || geteuid() == 0)
        return 0;
    error_set(error,
              "option --chroot: only root can change the root directory, and this process "
              "runs as uid %u; start it as root or leave --chroot out",
              (unsigned)geteuid());
    return -1;
}

static int check_distinct_fds(struct config *config, struct error *error)
{
    const struct {
        const char *option;
        int fd;
    } used[] = {
        {"--cuse-fd", config->cuse_fd},
        {"--key fd", config->key.fd},
        {"--key pwdfd", config->key.password_fd},
        {"--migration-key fd", config->migration_key.fd},
        {"--migration-key pwdfd", config->migration_key.password_fd},
        {"--log fd", config->log.fd},
        {"--pid fd", config->pid_fd},
        {"--profile fd", config->profile.fd},
        {"--pcap fd", config->capture.fd},
    };
    enum { COUNT = sizeof used / sizeof used[0] };

    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            if (used[i].fd >= 0 && used[i].fd == used[j].fd) {
                error_set(error,
                          "options %s and %s name the same file descriptor %d; give each "
                          "its own",
                          used[j].option, used[i].option, used[i].fd);
                return -1;
            }
        }
    }
    return 0;
}

int option_checks(struct config *config, struct error *error)
{
    static int (*const checks[])(struct config *, struct error *) = {
        check_device_name, check_storage, check_lock,         check_tpm_version,
        check_plugins,     check_root,    check_distinct_fds,
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i](config, error) != 0)
            return -1;
    return 0;
}
