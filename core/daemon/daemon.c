/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include "daemon/confinement.h"
#include "daemon/daemonise.h"
#include "daemon/device_name.h"
#include "daemon/exit_code.h"
#include "daemon/notify.h"
#include "daemon/pid_file.h"
#include "daemon/profile_option.h"
#include "daemon/signals.h"
#include "device/device.h"
#include "plugin/crypto.h"
#include "plugin/storage.h"
#include "sandbox/privileges.h"
#include "state/state_blob.h"
#include "state/state_store.h"
#include "tpm/capture.h"
#include "tpm/command.h"
#include "tpm/crypto_library.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"
#include "util/log.h"
#include "util/version.h"

/* All that start-up acquires, in the order of the steps. */
struct daemon {
    const struct config *config;
    int channel_fd;
    int notify_fd;
    struct pid_file pid_file;
    struct privileges privileges;
    const struct storage_plugin *storage_plugin;
    const struct crypto *crypto; /* NULL without a key */
    struct sandbox sandbox;
    struct daemonise daemonise;
    char *profile; /* JSON; NULL: libtpms' default */
    struct state_key *state_key;
    struct state_key *migration_key;
    struct storage *storage;
    struct state_store *store;
    struct device *device;
};

/* ---------------------------------------------------------------- steps before the fork */

static int open_log(struct daemon *daemon, struct error *error)
{
    return log_open(&daemon->config->log, error);
}

static int read_profile(struct daemon *daemon, struct error *error)
{
    return profile_option_read(&daemon->config->profile, &daemon->profile, error);
}

static int open_channel(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;

    if (config->cuse_fd >= 0) {
        daemon->channel_fd = config->cuse_fd;
        return 0;
    }
    if (device_name_check_free(config->device_name, error) != 0)
        return -1;
    daemon->channel_fd = device_open_channel(error);
    return daemon->channel_fd < 0 ? -1 : 0;
}

static int open_capture(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;
    char program[64];
    const struct capture_parameters parameters = {
        .path = config->capture.file,
        .fd = config->capture.fd,
        .mode = config->capture.mode,
        .truncate = config->capture.truncate,
        .checksums = config->capture.checksums,
        .name = config->device_name,
        .program = program,
    };

    snprintf(program, sizeof program, "swtpm_cuse %s", project_version);
    return capture_open(&parameters, error);
}

static int open_pid_file(struct daemon *daemon, struct error *error)
{
    return pid_file_open(&daemon->pid_file, daemon->config->pid_file, daemon->config->pid_fd,
                         error);
}

static int connect_to_service_manager(struct daemon *daemon, struct error *error)
{
    return notify_open(&daemon->notify_fd, error);
}

static int resolve_user(struct daemon *daemon, struct error *error)
{
    return privileges_resolve(&daemon->privileges, daemon->config->run_as, error);
}

static int check_storage_promises(const struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;

    if (config->storage_durable && !storage_plugin_can_be_durable(daemon->storage_plugin)) {
        error_set(error,
                  "storage plugin '%s' cannot promise that state survives power loss; add "
                  "fsync=false to --tpmstate if that is acceptable",
                  config->storage_plugin);
        return -1;
    }
    if (config->storage_lock && !storage_plugin_can_lock(daemon->storage_plugin)) {
        error_set(error,
                  "storage plugin '%s' cannot lock the state against other processes; add "
                  "lock=false to --tpmstate if nobody else will use it",
                  config->storage_plugin);
        return -1;
    }
    return 0;
}

static int load_plugins(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;
    bool has_key = config->key.option != NULL || config->migration_key.option != NULL;

    if (storage_load(&config->plugin_search, config->storage_plugin, &daemon->storage_plugin,
                     error) != 0 ||
        check_storage_promises(daemon, error) != 0)
        return -1;
    if (!has_key)
        return 0;
    return crypto_load(&config->plugin_search, config->crypto_plugin, &daemon->crypto, error);
}

static int configure_crypto_library(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    crypto_library_configure();
    return 0;
}

/* A new root directory need not have a null device. */
static int silence_library(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    tpm_silence_library();
    return 0;
}

static int begin_sandbox(struct daemon *daemon, struct error *error)
{
    const struct confinement_plugins plugins = {
        .storage = storage_plugin_descriptor(daemon->storage_plugin),
        .crypto = daemon->crypto != NULL ? crypto_descriptor(daemon->crypto) : NULL,
    };

    return confinement_begin(&daemon->sandbox, daemon->config, &plugins, &daemon->pid_file, error);
}

/* ----------------------------------------------------------------- steps after the fork */

static int load_key(struct daemon *daemon, const struct key_parameters *parameters,
                    struct state_key **key, struct error *error)
{
    if (parameters->option == NULL)
        return 0;
    return state_key_load(parameters, daemon->crypto, key, error);
}

/* Locked memory does not survive a fork, and key files may be readable by root alone. */
static int load_keys(struct daemon *daemon, struct error *error)
{
    if (load_key(daemon, &daemon->config->key, &daemon->state_key, error) != 0)
        return -1;
    return load_key(daemon, &daemon->config->migration_key, &daemon->migration_key, error);
}

static int drop_privileges(struct daemon *daemon, struct error *error)
{
    return privileges_drop(&daemon->privileges, daemon->config->root, error);
}

static int open_storage(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;
    const struct storage_parameters parameters = {
        .location = config->storage_location,
        .mode = config->storage_mode,
        .create = true,
        .announce_path = confinement_announce_path,
        .context = &daemon->sandbox,
    };

    return storage_open(daemon->storage_plugin, &parameters, &daemon->storage, error);
}

static int restrict_paths(struct daemon *daemon, struct error *error)
{
    return sandbox_restrict_paths(&daemon->sandbox, error);
}

static int open_store(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;
    const struct state_store_parameters parameters = {
        .version = config->version,
        .storage = daemon->storage,
        .location = config->storage_location,
        .key = daemon->state_key,
        .durable = config->storage_durable,
        .backup = config->storage_backup,
    };

    return state_store_new(&parameters, &daemon->store, error);
}

static int configure_tpm(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;
    const struct tpm_parameters parameters = {
        .version = config->version,
        .store = daemon->store,
        .keys = {.state_key = daemon->state_key,
                 .migration_key = daemon->migration_key,
                 .require_encrypted = config->migration_key.require},
        .lock = {.used = config->storage_lock,
                 .incoming = config->migration_incoming,
                 .release_outgoing = config->migration_release_lock},
        .profile = daemon->profile,
        .allow_set_locality = config->allow_set_locality,
        .reject_locality_4 = config->reject_locality_4,
        .automatic_shutdown = config->automatic_shutdown,
    };

    return tpm_configure(&parameters, error);
}

static uint16_t startup_type(const struct config *config)
{
    bool tpm2 = config->version == TPM_VERSION_2_0;

    if (config->startup == CONFIG_STARTUP_STATE)
        return tpm2 ? TPM2_SU_STATE : TPM_ST_STATE;
    if (config->startup == CONFIG_STARTUP_DEACTIVATED)
        return TPM_ST_DEACTIVATED;
    return tpm2 ? TPM2_SU_CLEAR : TPM_ST_CLEAR;
}

static int start_tpm(struct daemon *daemon, struct error *error)
{
    const struct config *config = daemon->config;

    if (config->needs_init)
        return 0;
    uint32_t result = tpm_start(false);
    if (result != 0) {
        error_set(error,
                  "the TPM cannot start from the state in '%s': result %#x; the log tells why",
                  config->storage_location, result);
        return -1;
    }
    if (config->startup == CONFIG_STARTUP_NONE)
        return 0;
    return tpm_send_startup(startup_type(config), error);
}

static int start_worker(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    return worker_start(error);
}

static int prepare_device(struct daemon *daemon, struct error *error)
{
    const struct device_parameters parameters = {
        .name = daemon->config->device_name,
        .major = daemon->config->device_major,
        .minor = daemon->config->device_minor,
        .channel_fd = daemon->channel_fd,
    };

    daemon->channel_fd = -1; /* transferred */
    if (device_new(&parameters, &daemon->device, error) != 0)
        return -1;
    signals_watch(daemon->device);
    return 0;
}

static int close_sandbox(struct daemon *daemon, struct error *error)
{
    worker_await_start();
    return sandbox_close(&daemon->sandbox, error);
}

static int make_device(struct daemon *daemon, struct error *error)
{
    return device_make(daemon->device, error);
}

static int write_pid(struct daemon *daemon, struct error *error)
{
    return pid_file_write(&daemon->pid_file, error);
}

static int tell_readiness(struct daemon *daemon, struct error *error)
{
    char status[300];

    snprintf(status, sizeof status, "TPM %s on /dev/%s",
             daemon->config->version == TPM_VERSION_2_0 ? "2.0" : "1.2",
             daemon->config->device_name);
    if (notify_ready(daemon->notify_fd, status, error) != 0)
        return -1;
    daemonise_report(&daemon->daemonise, EXIT_CODE_OK, daemon->config->log.fd == STDERR_FILENO);
    log_info("Serving %s", status);
    return 0;
}

/* Gives back what start-up freed, a quarter of the heap, which the process would keep for good.
 * Comes last, while the client that was told of the device wakes up. */
static int return_memory(struct daemon *daemon, struct error *error)
{
    (void)daemon;
    (void)error;
    malloc_trim(0);
    return 0;
}

/* ------------------------------------------------------------------------- start and end */

typedef int (*step)(struct daemon *daemon, struct error *error);

/* These run as the user who started the process, often root. */
static const step steps_before_fork[] = {
    read_profile,
    open_log,
    open_channel,
    open_capture,
    open_pid_file,
    connect_to_service_manager,
    resolve_user,
    load_plugins,
    configure_crypto_library,
    silence_library,
    begin_sandbox,
};

static const step steps_after_fork[] = {
    load_keys,
    drop_privileges,
    open_storage,
    restrict_paths,
    open_store,
    start_worker, /* early: it gets ready while the TPM starts */
    configure_tpm,
    start_tpm,
    prepare_device,
    close_sandbox,
    make_device,
    write_pid,
    tell_readiness,
    return_memory,
};

/* On standard error, where a person waits, and in the log. */
static void complain(const struct error *error)
{
    fprintf(stderr, "swtpm_cuse: %s\n", error->text);
    if (log_fd() != STDERR_FILENO)
        log_error("%s", error->text);
}

static int run_steps(struct daemon *daemon, const step *steps, size_t count)
{
    struct error error;

    for (size_t i = 0; i < count; i++) {
        if (steps[i](daemon, &error) == 0)
            continue;
        complain(&error);
        return -1;
    }
    return 0;
}

static void reopen_log(void)
{
    struct error error;

    if (log_reopen(&error) != 0)
        log_error("%s", error.text);
}

/* The exit code. */
static int serve(struct daemon *daemon)
{
    for (;;) {
        enum device_event event = device_serve(daemon->device);
        if (signals_take_hangup())
            reopen_log();
        if (event == DEVICE_FAILED)
            return EXIT_CODE_FAILURE;
        if (event == DEVICE_SHUT_DOWN || signals_ask_for_end())
            return EXIT_CODE_OK;
        if (event == DEVICE_GONE) {
            log_info("The CUSE channel was closed at its other end");
            return EXIT_CODE_OK;
        }
    }
}

/* Gives the storage lock back before the device disappears, so that a successor that waited for
 * that finds the state free.  -1 if the TPM's state could not be stored. */
static int release(struct daemon *daemon)
{
    struct error ignored;

    /* A client may have asked for a wait of months. */
    if (daemon->store != NULL)
        state_store_allow_waiting(daemon->store, false);
    if (worker_is_busy())
        device_finish_command(daemon->device);
    int result = tpm_stop() == TPM_SUCCESS ? 0 : -1;
    worker_stop();
    notify_stopping(daemon->notify_fd, &ignored);
    tpm_release();
    capture_close();
    state_store_free(daemon->store);
    storage_close(daemon->storage);
    state_key_free(daemon->state_key);
    state_key_free(daemon->migration_key);
    pid_file_remove(&daemon->pid_file);
    pid_file_close(&daemon->pid_file);
    privileges_free(&daemon->privileges);
    free(daemon->profile);
    sandbox_discard(&daemon->sandbox);
    signals_forget_device();
    device_free(daemon->device);
    if (daemon->channel_fd >= 0)
        close(daemon->channel_fd);
    if (daemon->notify_fd >= 0)
        close(daemon->notify_fd);
    return result;
}

static int run_child(struct daemon *daemon)
{
    int exit_code = EXIT_CODE_FAILURE;

    if (run_steps(daemon, steps_after_fork, sizeof steps_after_fork / sizeof *steps_after_fork) ==
        0)
        exit_code = serve(daemon);
    if (release(daemon) != 0)
        exit_code = EXIT_CODE_FAILURE;
    daemonise_report(&daemon->daemonise, exit_code, true);
    return exit_code;
}

static int run_parent(struct daemon *daemon, int exit_code)
{
    /* The child may no longer be allowed to remove the file. */
    if (exit_code != EXIT_CODE_OK)
        pid_file_remove(&daemon->pid_file);
    pid_file_close(&daemon->pid_file);
    privileges_free(&daemon->privileges);
    return exit_code;
}

int daemon_run(const struct config *config)
{
    struct daemon daemon = {
        .config = config,
        .channel_fd = -1,
        .notify_fd = -1,
        .pid_file = {.fd = -1, .directory = -1},
        .sandbox = {.landlock = {.ruleset = -1}},
        .daemonise = {.report_fd = -1, .null_fd = -1},
    };
    struct error error;
    int exit_code = EXIT_CODE_FAILURE;

    signals_ignore_failed_writes();
    if (run_steps(&daemon, steps_before_fork,
                  sizeof steps_before_fork / sizeof *steps_before_fork) != 0) {
        release(&daemon);
        return EXIT_CODE_FAILURE;
    }
    if (config->foreground)
        return run_child(&daemon);
    switch (daemonise(&daemon.daemonise, &exit_code, &error)) {
    case DAEMONISE_CHILD:
        return run_child(&daemon);
    case DAEMONISE_PARENT:
        return run_parent(&daemon, exit_code);
    case DAEMONISE_LOST:
        complain(&error);
        return run_parent(&daemon, EXIT_CODE_FAILURE);
    case DAEMONISE_FAILED:
        complain(&error);
        break;
    }
    release(&daemon);
    return EXIT_CODE_FAILURE;
}
