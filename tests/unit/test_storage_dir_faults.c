/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_files.h"
#include "store_place.h"

/*
 * This program exports libc functions of its own, which the dynamic linker prefers to libc's: so
 * the plugin's system calls are written down here in their order, and any of them can be made to
 * fail.  Outside of an armed op they do what they always do.
 */

enum { NEVER = 0 };

static struct {
    bool armed;
    unsigned calls;   /* so far */
    unsigned fail_at; /* the call that fails, counted from 1; or NEVER */
    int fail_with;    /* errno */
    bool shorten;     /* writes and reads move one byte at a time */
    char log[1024];   /* one call a line */
} wire;

static void arm(unsigned fail_at, int fail_with)
{
    memset(&wire, 0, sizeof wire);
    wire.fail_at = fail_at;
    wire.fail_with = fail_with;
    wire.armed = true;
}

static void disarm(void)
{
    wire.armed = false;
}

/* Notes the call.  Whether it shall fail; then errno is set. */
static bool trip(const char *call, const char *object)
{
    if (!wire.armed)
        return false;
    size_t used = strlen(wire.log);
    snprintf(wire.log + used, sizeof wire.log - used, "%s%s%s\n", call, *object != '\0' ? " " : "",
             object);
    if (++wire.calls != wire.fail_at)
        return false;
    errno = wire.fail_with;
    return true;
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return trip("openat", path) ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    return trip("mkdirat", path) ? -1 : (int)syscall(SYS_mkdirat, directory, path, mode);
}

int fchmod(int fd, mode_t mode)
{
    return trip("fchmod", "") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
    size = wire.armed && wire.shorten ? 1 : size;
    return trip("write", "") ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t read(int fd, void *data, size_t size)
{
    size = wire.armed && wire.shorten ? 1 : size;
    return trip("read", "") ? -1 : syscall(SYS_read, fd, data, size);
}

int fstat(int fd, struct stat *status)
{
    return trip("fstat", "") ? -1 : (int)syscall(SYS_fstat, fd, status);
}

int fsync(int fd)
{
    struct stat status;
    syscall(SYS_fstat, fd, &status);
    const char *object = S_ISDIR(status.st_mode) ? "directory" : "file";
    return trip("fsync", object) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* As on Linux, the descriptor is gone even if close fails. */
int close(int fd)
{
    bool fails = trip("close", "");
    int saved_errno = errno;
    int result = (int)syscall(SYS_close, fd);
    if (fails)
        errno = saved_errno;
    return fails ? -1 : result;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return trip("renameat", to) ? -1
                                : (int)syscall(SYS_renameat2, from_directory, from, to_directory,
                                               to, 0);
}

int unlinkat(int directory, const char *path, int flags)
{
    return trip("unlinkat", path) ? -1 : (int)syscall(SYS_unlinkat, directory, path, flags);
}

/* ------------------------------------------------------------------------------ the order ---- */

static int put_durably(struct swtpm_storage *storage, const char *value)
{
    const struct swtpm_bytes bytes = {.data = value, .size = strlen(value)};
    return store_ops->put(storage, "tpm2-00.permall", bytes, SWTPM_STORAGE_DURABLE, &store_error);
}

static void a_durable_put_syncs_the_file_renames_and_syncs_the_directory(void **state)
{
    const struct store_place *place = *state;

    arm(NEVER, 0);
    assert_int_equal(put_durably(place->storage, "value"), 0);
    disarm();
    assert_string_equal(wire.log, "openat TMP2-00.permall\n"
                                  "fchmod\n"
                                  "write\n"
                                  "fsync file\n"
                                  "close\n"
                                  "renameat tpm2-00.permall\n"
                                  "fsync directory\n");
}

static void a_put_that_need_not_be_durable_syncs_nothing(void **state)
{
    const struct store_place *place = *state;

    arm(NEVER, 0);
    assert_int_equal(store_put(place->storage, "other", "value"), 0);
    disarm();
    assert_string_equal(wire.log, "openat TMP-other\nfchmod\nwrite\nclose\nrenameat other\n");
}

static void a_durable_delete_syncs_the_directory(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    arm(NEVER, 0);
    assert_int_equal(store_ops->del(place->storage, "value", SWTPM_STORAGE_DURABLE, &store_error),
                     0);
    disarm();
    assert_string_equal(wire.log, "unlinkat value\nfsync directory\n");
}

static void a_new_directory_is_synced_into_its_parent(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *storage = NULL;

    arm(NEVER, 0);
    assert_int_equal(store_try_open(path_in(place->directory, "new"), SWTPM_STORAGE_CREATE,
                                    &storage), 0);
    disarm();
    store_ops->close(storage);
    assert_string_equal(wire.log,
                        "mkdirat new\nopenat new\nfchmod\nfsync directory\nclose\nfstat\n");
}

/* ------------------------------------------------------------------------------ failures ----- */

static const struct {
    int error_number;
    int code;
} failures[] = {
    {EIO, SWTPM_PLUGIN_IO},
    {ENOSPC, SWTPM_PLUGIN_NO_SPACE},
    {EDQUOT, SWTPM_PLUGIN_NO_SPACE},
    {EROFS, SWTPM_PLUGIN_DENIED},
    {ENOMEM, SWTPM_PLUGIN_NO_MEMORY},
};

/* Whether the put got far enough to have exchanged the values before it failed. */
static bool was_renamed(void)
{
    return strstr(wire.log, "fsync directory") != NULL;
}

static void a_put_that_fails_anywhere_leaves_old_or_new(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();
    enum { CALLS_OF_A_PUT = 7 };

    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        for (unsigned at = 1; at <= CALLS_OF_A_PUT; at++) {
            assert_int_equal(put_durably(place->storage, "old"), 0);
            arm(at, failures[i].error_number);
            int code = put_durably(place->storage, "new");
            disarm();
            assert_int_equal(code, failures[i].code);
            assert_store_error(strerror(failures[i].error_number));
            assert_stored(place->storage, "tpm2-00.permall", was_renamed() ? "new" : "old");
            assert_int_equal(count_entries(place->location), 1);
            assert_int_equal(count_descriptors(), descriptors);
        }
    arm(CALLS_OF_A_PUT + 1, EIO);
    assert_int_equal(put_durably(place->storage, "newest"), 0);
    disarm();
}

/* Whether the call `number`, counted from 1, was this one. */
static bool call_was(unsigned number, const char *call)
{
    const char *line = wire.log;
    while (--number > 0)
        line = strchr(line, '\n') + 1;
    return strncmp(line, call, strlen(call)) == 0;
}

static void an_interrupted_call_is_made_again(void **state)
{
    const struct store_place *place = *state;

    for (unsigned at = 1; at <= 7; at++) {
        const char value[] = {(char)('0' + at), '\0'};
        arm(at, EINTR);
        int code = put_durably(place->storage, value);
        disarm();
        if (call_was(at, "openat") || call_was(at, "write") || call_was(at, "fsync") ||
            call_was(at, "close")) {
            assert_int_equal(code, 0);
            assert_stored(place->storage, "tpm2-00.permall", value);
        } else {
            /* The kernel does not interrupt these; if it did, that would be an error. */
            assert_int_equal(code, SWTPM_PLUGIN_IO);
        }
    }
}

static void writes_and_reads_in_small_parts_add_up(void **state)
{
    const struct store_place *place = *state;
    char data[16];
    size_t size = 0;

    arm(NEVER, 0);
    wire.shorten = true;
    int put_code = put_durably(place->storage, "in small parts");
    int get_code = store_ops->get(place->storage, "tpm2-00.permall",
                                  (struct swtpm_buffer){data, sizeof data}, &size, &store_error);
    disarm();
    assert_int_equal(put_code, 0);
    assert_int_equal(get_code, 0);
    assert_int_equal(size, 14);
    assert_memory_equal(data, "in small parts", size);
}

static void a_get_that_fails_anywhere_touches_nothing(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    for (unsigned at = 1; at <= 3; at++) {
        arm(at, EIO);
        int code = store_failing_get(place->storage, "value");
        disarm();
        assert_int_equal(code, SWTPM_PLUGIN_IO);
        assert_int_equal(count_descriptors(), descriptors);
    }
    assert_string_equal(wire.log, "openat value\nfstat\nread\nclose\n");
    assert_stored(place->storage, "value", "x");
}

static void an_open_that_fails_anywhere_leaves_nothing(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();
    struct swtpm_storage *storage = NULL;
    const char *location = path_in(place->directory, "new");

    /* mkdirat, openat, fchmod, fsync; what follows works on a directory that is good to keep. */
    for (unsigned at = 1; at <= 4; at++) {
        arm(at, EIO);
        int code = store_try_open(location, SWTPM_STORAGE_CREATE, &storage);
        disarm();
        assert_int_equal(code, SWTPM_PLUGIN_IO);
        assert_store_error(location);
        assert_null(storage);
        assert_false(exists(location));
        assert_int_equal(count_descriptors(), descriptors);
    }
}

static void a_lock_that_fails_is_not_held(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();
    struct swtpm_storage *other = store_open(place->location);

    for (unsigned at = 1; at <= 4; at++) {
        arm(at, EIO);
        int code = store_ops->lock(place->storage, &store_error);
        disarm();
        assert_int_equal(code, SWTPM_PLUGIN_IO);
        assert_int_equal(store_ops->lock(other, &store_error), 0);
        assert_int_equal(store_ops->unlock(other, &store_error), 0);
        assert_int_equal(unlink(path_in(place->location, ".lock")), 0);
        if (strstr(wire.log, "fstat") != NULL)
            break;
    }
    assert_string_equal(wire.log, "openat .lock\nopenat .lock\nfchmod\nfstat\nclose\n");
    store_ops->close(other);
    assert_int_equal(count_descriptors(), descriptors);
}

static int count_values(void *context, const char *name, uint64_t size)
{
    (void)name;
    (void)size;
    ++*(unsigned *)context;
    return 0;
}

static void a_list_that_fails_is_an_error(void **state)
{
    const struct store_place *place = *state;
    unsigned descriptors = count_descriptors();
    unsigned values = 0;

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    arm(1, EIO);
    int code = store_ops->list(place->storage, count_values, &values, &store_error);
    disarm();
    assert_int_equal(code, SWTPM_PLUGIN_IO);
    assert_store_error(place->location);
    assert_int_equal(values, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_durable_put_syncs_the_file_renames_and_syncs_the_directory),
        STORE_TEST(a_put_that_need_not_be_durable_syncs_nothing),
        STORE_TEST(a_durable_delete_syncs_the_directory),
        STORE_TEST(a_new_directory_is_synced_into_its_parent),
        STORE_TEST(a_put_that_fails_anywhere_leaves_old_or_new),
        STORE_TEST(an_interrupted_call_is_made_again),
        STORE_TEST(writes_and_reads_in_small_parts_add_up),
        STORE_TEST(a_get_that_fails_anywhere_touches_nothing),
        STORE_TEST(an_open_that_fails_anywhere_leaves_nothing),
        STORE_TEST(a_lock_that_fails_is_not_held),
        STORE_TEST(a_list_that_fails_is_an_error),
    };
    return cmocka_run_group_tests(tests, store_load_plugin, store_remove_plugin);
}
