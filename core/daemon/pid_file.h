/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAEMON_PID_FILE_H
#define DAEMON_PID_FILE_H

#include "util/error.h"

/*
 * The file that tells the daemon's process id (swtpm_cuse(8), --pid).
 *
 * It is opened early, with the rights and the root directory that the process was started with,
 * and gets its one line when the device works; until then it is empty.  While the daemon lives it
 * holds a lock on the file (flock(2), shared by the processes of a fork), which tells a running
 * daemon's file from a stale one whatever number it contains.  A stale file is replaced by a new
 * one.  Files are found beneath the directory opened first, so a later chroot(2) or chdir(2)
 * changes nothing.
 */
struct pid_file {
    int fd;        /* -1: there is none.  Owned. */
    int directory; /* O_PATH; where `name` stands; -1 for a descriptor of the caller.  Owned. */
    char *name;    /* last component of the path; NULL for a descriptor of the caller.  Owned. */
};

/* Opens `path`, or takes over `fd` if `path` is NULL; with neither (fd -1) the other functions do
 * nothing.  A file made here has mode 0644 whatever the umask.  Refused: a path that is something
 * else than a regular file, links included; a file that another daemon has locked, or that holds
 * something else than a process id; a descriptor of something else than a regular file, or not open
 * for writing.  0, or -1 with a message that names the option --pid. */
int pid_file_open(struct pid_file *file, const char *path, int fd, struct error *error);

/* Writes this process's id and a newline, and nothing else, into the file.  0, or -1 with a
 * message. */
int pid_file_write(const struct pid_file *file, struct error *error);

/* Removes the file if it is still the one opened here; empties it if the process may not remove
 * it.  Leaves a descriptor of the caller's as it is.  To be called once: by the daemon at its end,
 * or by its parent if the start failed. */
void pid_file_remove(const struct pid_file *file);

/* Closes and frees; leaves the file where it is. */
void pid_file_close(struct pid_file *file);

#endif
