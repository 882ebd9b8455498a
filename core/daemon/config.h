/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plugin/search.h"
#include "state/key.h"
#include "state/state_name.h"
#include "util/log.h"

/*
 * All that the command line and the environment say, in one structure: what argv becomes before
 * anything is touched.  Strings point into argv, into the environment, or into memory that the
 * options module keeps until the process ends.
 */

/* What to do instead of serving a device. */
enum config_action {
    CONFIG_SERVE,
    CONFIG_HELP,
    CONFIG_VERSION,
    CONFIG_PRINT_CAPABILITIES,
    CONFIG_PRINT_STATES,
    CONFIG_PRINT_PROFILES,
    CONFIG_PRINT_INFO,
    CONFIG_PRINT_PLUGINS,
    CONFIG_PRINT_SANDBOX
};

/* --flags startup-… : the command sent when the TPM starts on its own. */
enum config_startup {
    CONFIG_STARTUP_NONE,
    CONFIG_STARTUP_CLEAR,
    CONFIG_STARTUP_STATE,
    CONFIG_STARTUP_DEACTIVATED /* TPM 1.2 only */
};

/* --seccomp action= */
enum config_seccomp_action {
    CONFIG_SECCOMP_KILL,
    CONFIG_SECCOMP_LOG,
    CONFIG_SECCOMP_NONE
};

/* --profile; at most one of name, json, file and fd. */
struct config_profile {
    const char *name;
    const char *json;
    const char *file;
    int fd;                      /* -1: none */
    const char *remove_disabled; /* "check", "fips-host" or NULL */
};

/* --pcap */
struct config_capture {
    const char *file; /* NULL: see fd */
    int fd;           /* -1: none */
    mode_t mode;      /* of a new file */
    bool truncate;
    bool checksums;
};

struct config {
    enum config_action action;
    enum tpm_version version; /* --tpm2 */

    /* --name, --maj, --min, --cuse-fd.  `device_name` has no "/dev/"; fd -1: open /dev/cuse. */
    const char *device_name;
    unsigned device_major;
    unsigned device_minor;
    int cuse_fd;

    /* --tpmstate or TPM_PATH.  NULL if neither was given. */
    const char *storage_plugin; /* "dir", or the scheme of backend-uri= */
    const char *storage_location;
    mode_t storage_mode;
    bool storage_lock;
    bool storage_backup;
    bool storage_durable; /* fsync= */
    struct plugin_search plugin_search;

    /* --key, --migration-key, --crypto.  `option` is NULL where the option was not given. */
    struct key_parameters key;
    struct key_parameters migration_key;
    const char *crypto_plugin;

    struct log_parameters log;

    bool reject_locality_4;
    bool allow_set_locality;

    const char *pid_file; /* NULL: see pid_fd */
    int pid_fd;           /* -1: none */

    const char *run_as;    /* --runas: a name or a uid; NULL: stay who we are */
    const char *root;      /* --chroot; NULL: none */
    enum config_seccomp_action seccomp_action;

    bool needs_init; /* commands are refused until INIT (no not-need-init) */
    enum config_startup startup;
    bool automatic_shutdown; /* no disable-auto-shutdown */

    bool migration_incoming;
    bool migration_release_lock;

    struct config_profile profile;
    struct config_capture capture;

    uint64_t info_flags; /* --print-info */
    bool foreground;     /* --foreground: do not daemonise */
};

#endif
