/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/device_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char device_directory[] = "/dev/";

static int holds_control_character(const char *name)
{
    while (*name != '\0' && !iscntrl((unsigned char)*name))
        name++;
    return *name != '\0';
}

static const char *find_fault(const char *name)
{
    size_t size = strlen(name);

    if (size == 0)
        return "it is empty";
    if (size > DEVICE_NAME_MAX)
        return "it is longer than 255 bytes";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "it is a directory";
    if (holds_control_character(name))
        return "it holds a control character";
    if (strpbrk(name, "/!") != NULL)
        return "it holds a '/' or '!'";
    if (name[0] == ' ' || name[size - 1] == ' ')
        return "it starts or ends with a blank";
    return NULL;
}

const char *device_name_check(const char *argument, struct error *error)
{
    size_t prefix = sizeof device_directory - 1;
    const char *name =
        strncmp(argument, device_directory, prefix) == 0 ? argument + prefix : argument;
    const char *fault = find_fault(name);

    if (fault == NULL)
        return name;
    /* A control character must not reach a terminal. */
    error_set(error, "the device name%s%s%s cannot be used: %s; choose a plain name such as vtpm0",
              holds_control_character(name) ? "" : " '", holds_control_character(name) ? "" : name,
              holds_control_character(name) ? "" : "'", fault);
    return NULL;
}

/* A predecessor that has just answered SHUTDOWN may still be ending: half a second for that. */
enum { TRIES = 50 };

int device_name_check_free(const char *name, struct error *error)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    char path[sizeof device_directory + DEVICE_NAME_MAX];
    struct stat status;

    snprintf(path, sizeof path, "%s%s", device_directory, name);
    for (int i = 0; i < TRIES; i++) {
        if (lstat(path, &status) != 0 && errno == ENOENT)
            return 0;
        nanosleep(&pause, NULL);
    }
    error_set(error,
              "%s exists already; end what serves it (swtpm_ioctl -s %s) or choose another "
              "--name",
              path, path);
    return -1;
}
