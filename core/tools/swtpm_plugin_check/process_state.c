/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/process_state.h"

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/check.h"

unsigned process_state_count(const char *directory)
{
    char path[64];
    unsigned count = 0;

    snprintf(path, sizeof path, "/proc/self/%s", directory);
    DIR *entries = opendir(path);
    check_that(entries != NULL, "cannot read '%s': %s", path, strerror(errno));
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count;
}

static void take_environment(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (char **entry = environ; *entry != NULL && used < size; entry++)
        used += (size_t)snprintf(text + used, size - used, "%s\n", *entry);
}

void process_state_take(struct process_state *state)
{
    memset(state, 0, sizeof *state);
    state->umask = umask(0);
    umask(state->umask);
    getresuid(&state->users[0], &state->users[1], &state->users[2]);
    getresgid(&state->groups[0], &state->groups[1], &state->groups[2]);
    if (getcwd(state->working_directory, sizeof state->working_directory) == NULL)
        state->working_directory[0] = '\0';
    snprintf(state->locale, sizeof state->locale, "%s", setlocale(LC_ALL, NULL));
    take_environment(state->environment, sizeof state->environment);
    for (int i = 1; i < PROCESS_STATE_SIGNALS; i++)
        sigaction(i, NULL, &state->actions[i]);
    pthread_sigmask(SIG_BLOCK, NULL, &state->blocked);
    state->descriptors = process_state_count("fd");
    state->threads = process_state_count("task");
}

void process_state_compare(const struct process_state *before, const struct process_state *after,
                           const char *what)
{
    check_that(before->umask == after->umask, "%s changed the umask", what);
    check_that(memcmp(before->users, after->users, sizeof before->users) == 0 &&
                   memcmp(before->groups, after->groups, sizeof before->groups) == 0,
               "%s changed the user or group", what);
    check_that(strcmp(before->working_directory, after->working_directory) == 0,
               "%s changed the working directory", what);
    check_that(strcmp(before->locale, after->locale) == 0, "%s changed the locale", what);
    check_that(strcmp(before->environment, after->environment) == 0, "%s changed the environment",
               what);
    for (int i = 1; i < PROCESS_STATE_SIGNALS; i++)
        check_that(before->actions[i].sa_handler == after->actions[i].sa_handler,
                   "%s changed what signal %d does", what, i);
    check_that(memcmp(&before->blocked, &after->blocked, sizeof before->blocked) == 0,
               "%s changed which signals are blocked", what);
    check_that(before->threads >= after->threads, "%s started a thread", what);
    check_that(before->descriptors >= after->descriptors, "%s left a file open", what);
}
