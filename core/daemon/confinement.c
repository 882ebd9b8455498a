/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/confinement.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "plugin/crypto.h"
#include "plugin/storage.h"
#include "util/log.h"

static const enum seccomp_action actions[] = {
    [CONFIG_SECCOMP_KILL] = SECCOMP_ACTION_KILL,
    [CONFIG_SECCOMP_LOG] = SECCOMP_ACTION_LOG,
    [CONFIG_SECCOMP_NONE] = SECCOMP_ACTION_NONE,
};

static bool has_log_file(const struct config *config)
{
    return config->log.path != NULL && strcmp(config->log.path, "-") != 0;
}

static unsigned features(const struct config *config)
{
    bool has_pid_file = config->pid_file != NULL || config->pid_fd >= 0;
    bool captures = config->capture.file != NULL || config->capture.fd >= 0;
    bool moves_the_lock = config->migration_incoming || config->migration_release_lock;

    return (has_log_file(config) ? SECCOMP_LOG_FILE : 0u) |
           (has_pid_file ? SECCOMP_PID_FILE : 0u) |
           (moves_the_lock ? SECCOMP_LOCK_AGAIN : 0u) | (captures ? SECCOMP_CAPTURE : 0u);
}

/* SIGHUP makes a new log in the directory of the old. */
static int allow_log_directory(struct sandbox *sandbox, struct error *error)
{
    if (log_directory() < 0)
        return 0;
    return sandbox_allow_path_fd(sandbox, log_directory(), "the directory of the log",
                                 LANDLOCK_APPEND, error);
}

static int allow_pid_directory(struct sandbox *sandbox, const struct pid_file *pid_file,
                               struct error *error)
{
    if (pid_file->directory < 0)
        return 0;
    return sandbox_allow_path_fd(sandbox, pid_file->directory, "the directory of the pid file",
                                 LANDLOCK_REMOVE, error);
}

static int allow_plugin(struct sandbox *sandbox, const struct swtpm_plugin *plugin,
                        struct error *error)
{
    char source[SECCOMP_SOURCE_SIZE];

    if (plugin == NULL)
        return 0;
    snprintf(source, sizeof source, "%s-%s",
             plugin->kind == SWTPM_PLUGIN_STORAGE ? "storage" : "crypto", plugin->name);
    return sandbox_allow_calls(sandbox, source, plugin->system_calls, error);
}

static int begin_with_calls(struct sandbox *sandbox, const struct config *config,
                            const struct confinement_plugins *plugins, struct error *error)
{
    if (sandbox_open(sandbox, actions[config->seccomp_action], features(config), error) != 0)
        return -1;
    if (allow_plugin(sandbox, plugins->storage, error) != 0)
        return -1;
    return allow_plugin(sandbox, plugins->crypto, error);
}

int confinement_begin(struct sandbox *sandbox, const struct config *config,
                      const struct confinement_plugins *plugins, const struct pid_file *pid_file,
                      struct error *error)
{
    if (begin_with_calls(sandbox, config, plugins, error) != 0 ||
        allow_log_directory(sandbox, error) != 0)
        return -1;
    return allow_pid_directory(sandbox, pid_file, error);
}

int confinement_announce_path(void *context, const char *path, uint32_t access)
{
    struct error error;

    if (sandbox_allow_path(context, path, access, &error) == 0)
        return SWTPM_PLUGIN_OK;
    log_error("%s", error.text);
    return SWTPM_PLUGIN_IO;
}

static int load_for_printing(const struct config *config, struct confinement_plugins *plugins,
                             struct error *error)
{
    const char *name = config->storage_plugin != NULL ? config->storage_plugin : "dir";
    bool has_key = config->key.option != NULL || config->migration_key.option != NULL;
    const struct storage_plugin *storage;
    const struct crypto *crypto;

    if (storage_load(&config->plugin_search, name, &storage, error) != 0)
        return -1;
    plugins->storage = storage_plugin_descriptor(storage);
    if (!has_key)
        return 0;
    if (crypto_load(&config->plugin_search, config->crypto_plugin, &crypto, error) != 0)
        return -1;
    plugins->crypto = crypto_descriptor(crypto);
    return 0;
}

int confinement_print(const struct config *config, FILE *to, struct error *error)
{
    struct confinement_plugins plugins = {.crypto = NULL};
    struct sandbox sandbox;

    if (load_for_printing(config, &plugins, error) != 0)
        return -1;
    int result = begin_with_calls(&sandbox, config, &plugins, error);
    if (result == 0 && sandbox_print(&sandbox, to) != 0) {
        error_set(error, "option --print-sandbox: %s", strerror(errno));
        result = -1;
    }
    sandbox_discard(&sandbox);
    return result;
}
