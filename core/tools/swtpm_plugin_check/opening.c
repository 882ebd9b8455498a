/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/tree.h"

/* swtpm_storage_ops.open, and what its parameters ask for. */

static void need_paths(const struct store *store)
{
    if (store->path_count == 0)
        check_skip("open announced no path where files could be looked at");
}

void check_location(const struct subject *subject)
{
    struct store store = {0};
    int result = store_try_open(&store, subject, 0, SWTPM_STORAGE_CREATE, STORE_MODE);

    if (result != 0)
        check_skip("open failed with %s: %s", result_name(result), store.message);
    store_close(&store);
}

void check_create(const struct subject *subject)
{
    struct store store = {0};

    store_need_numbers(subject);
    store_open(&store, subject, 0);
    check_that(store_count(&store, NULL, NULL) == 0,
               "a new store is not empty; if an earlier run left it at the location, remove it");
    store_must_put(&store, "permall", 1, 1000);
    store_close(&store);
    store_needs_lasting_values(subject);
    check_that(store_try_open(&store, subject, 0, 0, STORE_MODE) == 0,
               "what was made cannot be opened again: %s", store.message);
    store_must_have(&store, "permall", 1, 1000);
    store_close(&store);
}

void check_open_missing(const struct subject *subject)
{
    struct store store = {0};

    store_need_numbers(subject);
    for (int i = 0; i < 2; i++) {
        int result = store_try_open(&store, subject, 0, 0, STORE_MODE);
        check_that(result == SWTPM_PLUGIN_NOT_FOUND, "open of a store that is not there gave %s%s",
                   result_name(result), i == 0 ? "" : ", the second time");
    }
}

void check_read_only_changes_nothing(const struct subject *subject)
{
    struct store store = {0};
    size_t size;

    store_needs_lasting_values(subject);
    store_open_empty(&store, subject, 0);
    need_paths(&store);
    store_must_put(&store, "permall", 1, 1000);
    store_close(&store);
    uint64_t before = tree_fingerprint(&store);
    check_that(store_try_open(&store, subject, 0, SWTPM_STORAGE_READ_ONLY, STORE_MODE) == 0,
               "open for reading only failed: %s", store.message);
    need_paths(&store);
    store_must_have(&store, "permall", 1, 1000);
    check_that(store_size(&store, "savestate", &size) == SWTPM_PLUGIN_NOT_FOUND,
               "get finds what is not there");
    check_that(store_count(&store, NULL, NULL) == 1, "list does not visit the one value");
    store_close(&store);
    check_that(tree_fingerprint(&store) == before,
               "a file of the store, or its mode or time of change, is not as it was");
}

void check_read_only_refuses(const struct subject *subject)
{
    struct store store = {0};
    uint32_t flags = SWTPM_STORAGE_READ_ONLY;

    store_needs_lasting_values(subject);
    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 1000);
    store_close(&store);
    check_that(store_try_open(&store, subject, 0, flags, STORE_MODE) == 0,
               "open for reading only failed: %s", store.message);
    int locked = store_lock(&store);
    int put = store_put(&store, "permall", 2, 10, 0);
    int deleted = store_delete(&store, "permall", 0);
    check_that(locked == SWTPM_PLUGIN_DENIED || locked == 0, "lock gave %s", result_name(locked));
    check_that(locked != 0 || (store.ops->capabilities & SWTPM_STORAGE_CAN_LOCK) == 0,
               "lock succeeded");
    check_that(put == SWTPM_PLUGIN_DENIED && deleted == SWTPM_PLUGIN_DENIED,
               "put or del gave something else than DENIED");
    store_must_have(&store, "permall", 1, 1000);
    store_close(&store);
}

void check_read_only_creates_nothing(const struct subject *subject)
{
    struct store store = {0};
    uint32_t flags = SWTPM_STORAGE_READ_ONLY | SWTPM_STORAGE_CREATE;

    store_need_numbers(subject);
    int result = store_try_open(&store, subject, 0, flags, STORE_MODE);
    check_that(result == SWTPM_PLUGIN_NOT_FOUND, "open of a store that is not there gave %s",
               result_name(result));
    result = store_try_open(&store, subject, 0, 0, STORE_MODE);
    check_that(result == SWTPM_PLUGIN_NOT_FOUND, "open for reading only made a store");
}

enum { ASKED_MODE = 0664 };

struct modes {
    struct timespec since;
    unsigned files; /* made since then */
    unsigned with_mode;
};

static bool is_made_since(const char *path, const struct timespec *since)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) != 0 ||
        (status.stx_mask & STATX_BTIME) == 0)
        return false;
    return status.stx_btime.tv_sec > since->tv_sec ||
           (status.stx_btime.tv_sec == since->tv_sec && status.stx_btime.tv_nsec >= since->tv_nsec);
}

static void note_mode(void *context, const char *path, const struct stat *status)
{
    struct modes *modes = context;

    if (!S_ISREG(status->st_mode) || !is_made_since(path, &modes->since))
        return;
    modes->files++;
    if ((status->st_mode & 07777) == ASKED_MODE)
        modes->with_mode++;
}

static bool is_later(struct timespec time, struct timespec than)
{
    return time.tv_sec > than.tv_sec ||
           (time.tv_sec == than.tv_sec && time.tv_nsec > than.tv_nsec);
}

/* Files bear the time of the last tick, or since Linux 6.13 of now.  What was made before this bears
 * an earlier one than `tick`, and what is made afterwards does not. */
static void await_tick(struct timespec *tick)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    do {
        usleep(1000);
        clock_gettime(CLOCK_REALTIME_COARSE, tick);
    } while (!is_later(*tick, now));
}

static struct modes modes_under(const struct subject *subject, unsigned index, mode_t mask)
{
    struct store store = {0};
    struct modes modes = {0};

    await_tick(&modes.since);
    umask(mask);
    check_that(store_try_open(&store, subject, index, SWTPM_STORAGE_CREATE, ASKED_MODE) == 0,
               "open failed: %s", store.message);
    need_paths(&store);
    store_must_put(&store, "permall", 1, 1000);
    store_close(&store);
    tree_walk(&store, note_mode, &modes);
    return modes;
}

/* It leaves the owner's rights: without them, only root could use a new directory. */
enum { HOSTILE_UMASK = 0077 };

/* Not all files: a lock file may have a mode that others rely on. */
void check_file_mode(const struct subject *subject)
{
    store_need_numbers(subject);
    struct modes free = modes_under(subject, 0, 0);
    struct modes masked = modes_under(subject, 1, HOSTILE_UMASK);

    if (free.files == 0)
        check_skip("a new store is no new file, or its file system keeps no time of birth");
    check_that(free.with_mode > 0, "mode %#o was asked for, and no file has it", ASKED_MODE);
    check_that(free.files != masked.files || free.with_mode == masked.with_mode,
               "the umask changes the modes of files");
}

void check_announcement_refused(const struct subject *subject)
{
    struct store store = {0};

    store_open(&store, subject, 0);
    need_paths(&store);
    store_close(&store);
    store.announce_result = SWTPM_PLUGIN_DENIED;
    int result = store_try_open(&store, subject, 0, SWTPM_STORAGE_CREATE, STORE_MODE);
    check_that(result == SWTPM_PLUGIN_DENIED, "the host answered DENIED and open gave %s",
               result_name(result));
    store.announce_result = SWTPM_PLUGIN_NO_MEMORY;
    result = store_try_open(&store, subject, 0, SWTPM_STORAGE_CREATE, STORE_MODE);
    check_that(result == SWTPM_PLUGIN_NO_MEMORY, "the host answered NO_MEMORY and open gave %s",
               result_name(result));
}

void check_open_takes_no_lock(const struct subject *subject)
{
    struct store first = {0};
    struct store second = {0};

    store_open(&first, subject, 0);
    store_open(&second, subject, 0);
    check_that(store_lock(&second) == 0,
               "the lock cannot be taken while another handle is open: "
               "%s",
               second.message);
    store_close(&second);
    store_close(&first);
}

/* store_try_open scribbles over the location and the parameters, so a plugin that kept a pointer
 * now works on a location of Xs. */
void check_location_lifetime(const struct subject *subject)
{
    struct store store = {0};
    struct store again = {0};

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 3, 5000);
    store_must_have(&store, "permall", 3, 5000);
    check_that(store_lock(&store) == 0, "lock failed: %s", store.message);
    check_that(store_unlock(&store) == 0, "unlock failed: %s", store.message);
    check_that(store_count(&store, NULL, NULL) == 1, "list does not visit the value");
    store_needs_lasting_values(subject);
    store_open(&again, subject, 0);
    store_must_have(&again, "permall", 3, 5000);
    store_close(&again);
    store_close(&store);
}
