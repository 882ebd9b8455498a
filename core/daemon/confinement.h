/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_CONFINEMENT_H
#define DAEMON_CONFINEMENT_H

#include <stdio.h>

#include "daemon/config.h"
#include "daemon/pid_file.h"
#include "sandbox/sandbox.h"
#include "util/error.h"

/*
 * What the daemon asks its sandbox to leave open, as far as the command line decides: the calls of
 * the core and of the plugins, the place of the log and of the pid file.  The paths of the storage
 * are added when it is opened (confinement_announce_path).
 */

/* The plugins whose system calls are allowed. */
struct confinement_plugins {
    const struct swtpm_plugin *storage;
    const struct swtpm_plugin *crypto; /* NULL: none is loaded */
};

/* Begins the sandbox with all that is known before anything runs.  Before --chroot.  0, or -1 with
 * a message. */
int confinement_begin(struct sandbox *sandbox, const struct config *config,
                      const struct confinement_plugins *plugins, const struct pid_file *pid_file,
                      struct error *error);

/* For storage_parameters.announce_path; `context` is the sandbox. */
int confinement_announce_path(void *context, const char *path, uint32_t access);

/* --print-sandbox: the list that would be in force with these options, as JSON. */
int confinement_print(const struct config *config, FILE *to, struct error *error);

#endif
