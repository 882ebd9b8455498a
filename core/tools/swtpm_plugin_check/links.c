/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/trace.h"
#include "tools/swtpm_plugin_check/tree.h"

/* Links in places where a plugin makes or expects files, as an attacker would put them there. */

enum { LINKS_MAX = 64 };

struct planting {
    char target[STORE_PATH_SIZE]; /* a directory elsewhere */
    char paths[LINKS_MAX][STORE_PATH_SIZE];
    unsigned count;
};

static void target_of(const struct planting *planting, unsigned index,
                      char path[STORE_PATH_SIZE + 16])
{
    snprintf(path, STORE_PATH_SIZE + 16, "%s/%u", planting->target, index);
}

/* The file is moved away and a link to where it is now left in its place. */
static void plant_link(void *context, const char *path, const struct stat *status)
{
    struct planting *planting = context;
    char elsewhere[STORE_PATH_SIZE + 16];

    if (!S_ISREG(status->st_mode) || planting->count == LINKS_MAX)
        return;
    target_of(planting, planting->count, elsewhere);
    snprintf(planting->paths[planting->count++], STORE_PATH_SIZE, "%s", path);
    check_that(rename(path, elsewhere) == 0 && symlink(elsewhere, path) == 0,
               "cannot put a link at '%s': %s", path, strerror(errno));
}

static void put_files_back(const struct planting *planting)
{
    for (unsigned i = 0; i < planting->count; i++) {
        char elsewhere[STORE_PATH_SIZE + 16];
        target_of(planting, i, elsewhere);
        check_that(rename(elsewhere, planting->paths[i]) == 0, "cannot put '%s' back: %s",
                   planting->paths[i], strerror(errno));
    }
}

/* A directory for what the links lead to. */
static struct planting *plant_directory(const struct store *store)
{
    struct planting *planting = calloc(1, sizeof *planting);

    check_that(planting != NULL, "no memory");
    /* Beside the store, so that files can be renamed to it. */
    check_that(snprintf(planting->target, sizeof planting->target, "%s.links.XXXXXX",
                        store->paths[0].path) < (int)sizeof planting->target,
               "the path of the store is too long");
    check_that(mkdtemp(planting->target) != NULL, "cannot make '%s': %s", planting->target,
               strerror(errno));
    return planting;
}

/* Notes where a put makes files that are gone when it has returned. */
static enum trace_verdict note_made_file(void *context, const struct system_call *call)
{
    struct planting *planting = context;
    char link[64];

    if (call->number != SYS_openat || call->result < 0 || (call->arguments[2] & O_CREAT) == 0 ||
        planting->count == LINKS_MAX)
        return TRACE_CONTINUE;
    char *path = planting->paths[planting->count];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)call->thread, (int)call->result);
    ssize_t length = readlink(link, path, STORE_PATH_SIZE - 1);
    if (length > 0) {
        path[length] = '\0';
        planting->count++;
    }
    return TRACE_CONTINUE;
}

static enum trace_verdict let_pass(void *context, const struct system_call *call, int *error_number)
{
    (void)context;
    (void)call;
    (void)error_number;
    return TRACE_CONTINUE;
}

static void put_traced(void *context)
{
    struct store store = {0};

    store_open(&store, context, 0);
    store.traced = true;
    store_must_put(&store, "permall", 1, 1000);
}

/* Links to a file elsewhere, where files were made and are no more. */
static void plant_links_for_new_files(const struct subject *subject, struct planting *planting)
{
    struct subject copy = *subject;
    struct planting made = {0};
    const struct trace trace = {
        .on_entry = let_pass, .on_return = note_made_file, .context = &made};

    check_child_status(trace_run(put_traced, &copy, &trace));
    for (unsigned i = 0; i < made.count && planting->count < LINKS_MAX; i++) {
        char elsewhere[STORE_PATH_SIZE + 16];
        target_of(planting, planting->count, elsewhere);
        if (access(made.paths[i], F_OK) == 0 || symlink(elsewhere, made.paths[i]) != 0)
            continue;
        int fd = open(elsewhere, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        check_that(fd >= 0, "cannot make '%s': %s", elsewhere, strerror(errno));
        close(fd);
        strcpy(planting->paths[planting->count++], made.paths[i]);
    }
}

/* Whether putting a value changed what the links lead to. */
static bool writes_through_links(const struct subject *subject, const struct planting *planting)
{
    struct store targets = {.path_count = 1};
    struct store store = {0};

    strcpy(targets.paths[0].path, planting->target);
    uint64_t before = tree_fingerprint(&targets);
    if (store_try_open(&store, subject, 0, SWTPM_STORAGE_CREATE, STORE_MODE) == 0) {
        store_lock(&store);
        store_put(&store, "permall", 2, 1000, 0);
        store_close(&store);
    }
    return tree_fingerprint(&targets) != before;
}

/* The files that the links lead to must not be written to: they could be anybody's. */
void check_links_not_followed(const struct subject *subject)
{
    struct store store = {0};

    trace_needed();
    store_needs_lasting_values(subject);
    store_open_empty(&store, subject, 0);
    if (store.path_count == 0)
        check_skip("open announced no path where links could be put");
    store_close(&store);
    struct planting *planting = plant_directory(&store);
    plant_links_for_new_files(subject, planting);
    bool new_followed = writes_through_links(subject, planting);
    tree_walk(&store, plant_link, planting);
    bool old_followed = writes_through_links(subject, planting);
    put_files_back(planting);
    tree_remove(planting->target);
    free(planting);
    check_that(!new_followed, "it wrote through a link that stands where put makes a file");
    check_that(!old_followed, "it wrote through a link that stands where a file of it was");
}
