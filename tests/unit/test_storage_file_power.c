/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_files.h"
#include "single_file.h"
#include "store_place.h"

/*
 * Power loss.  This program has a pwrite64, a fdatasync and a fstatfs of its own, which the dynamic
 * linker prefers to libc's: each write of an op is kept.  Afterwards every file is made that power loss at
 * any moment could have left: the writes before the last sync are there, and of those since, any
 * may be there and any may not.  Each such file must hold all of the old or all of the new, and all
 * of every other value.
 */

enum { WRITES_MAX = 16 };

struct kept_write {
    off_t offset;
    unsigned char *data;
    size_t size;
    unsigned syncs; /* that were made before it */
};

static struct {
    bool armed;
    struct kept_write writes[WRITES_MAX];
    unsigned count;
    unsigned syncs;
    unsigned fail_at; /* this write or sync fails, counted from 1; 0: none */
    unsigned calls;
} wire;

static void arm(unsigned fail_at)
{
    for (unsigned i = 0; i < wire.count; i++)
        free(wire.writes[i].data);
    memset(&wire, 0, sizeof wire);
    wire.fail_at = fail_at;
    wire.armed = true;
}

static void disarm(void)
{
    wire.armed = false;
}

static bool trips(void)
{
    if (!wire.armed || ++wire.calls != wire.fail_at)
        return false;
    errno = EIO;
    return true;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (trips())
        return -1;
    if (wire.armed) {
        assert_true(wire.count < WRITES_MAX);
        struct kept_write *kept = &wire.writes[wire.count++];
        *kept = (struct kept_write){offset, malloc(size), size, wire.syncs};
        memcpy(kept->data, data, size);
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

int fdatasync(int fd)
{
    if (trips())
        return -1;
    wire.syncs += wire.armed;
    return (int)syscall(SYS_fdatasync, fd);
}

static bool is_read_only;

int fstatfs(int fd, struct statfs *status)
{
    int result = (int)syscall(SYS_fstatfs, fd, status);

    if (result == 0 && is_read_only)
        status->f_flags |= ST_RDONLY;
    return result;
}

/* ------------------------------------------------------------------------------ the files ---- */

static void apply(struct image *image, const struct kept_write *kept)
{
    size_t end = (size_t)kept->offset + kept->size;

    if (end > image->size) {
        image->data = realloc(image->data, end);
        memset(image->data + image->size, 0, end - image->size);
        image->size = end;
    }
    memcpy(image->data + kept->offset, kept->data, kept->size);
}

/* What power loss leaves during the period after `syncs` syncs; bit i of `survivors` says that the
 * i-th write of that period reached the medium. */
static struct image after_loss(const struct image *before, unsigned syncs, unsigned survivors)
{
    struct image image = {.data = malloc(before->size + 1), .size = before->size};
    unsigned recent = 0;

    memcpy(image.data, before->data, before->size);
    for (unsigned i = 0; i < wire.count; i++) {
        const struct kept_write *kept = &wire.writes[i];
        if (kept->syncs < syncs || (kept->syncs == syncs && (survivors >> recent++ & 1) != 0))
            apply(&image, kept);
    }
    return image;
}

static unsigned writes_after(unsigned syncs)
{
    unsigned count = 0;

    for (unsigned i = 0; i < wire.count; i++)
        count += wire.writes[i].syncs == syncs;
    return count;
}

/* The value in a file of that content, or "" if it is missing. */
static void read_value(const struct store_place *place, const struct image *image, const char *name,
                       char *value, size_t capacity)
{
    const char *path = path_in(place->directory, "after");
    struct swtpm_storage *storage = NULL;
    size_t size = 0;

    image_write(path, image->data, image->size);
    if (store_try_open(path, 0, &storage) != 0)
        fail_msg("%s", store_error.message);
    int code = store_ops->get(storage, name, (struct swtpm_buffer){value, capacity - 1}, &size,
                              &store_error);
    if (code != 0 && code != SWTPM_PLUGIN_NOT_FOUND)
        fail_msg("%s", store_error.message);
    value[code == 0 ? size : 0] = '\0';
    store_ops->close(storage);
}

/* Of the change that was recorded, with that file before it. */
static void assert_old_or_new(const struct store_place *place, const struct image *before,
                              const char *name, const char *old, const char *new)
{
    char value[64];
    unsigned files = 0;

    for (unsigned syncs = 0; syncs <= wire.syncs; syncs++)
        for (unsigned survivors = 0; survivors < 1u << writes_after(syncs); survivors++) {
            struct image image = after_loss(before, syncs, survivors);
            read_value(place, &image, name, value, sizeof value);
            if (strcmp(value, new) != 0 && strcmp(value, old) != 0)
                fail_msg("after %u syncs and writes %x: '%s'", syncs, survivors, value);
            if (syncs == wire.syncs)
                assert_string_equal(value, new);
            read_value(place, &image, "tpm2-00.savestate", value, sizeof value);
            assert_string_equal(value, "kept");
            files++;
            free(image.data);
        }
    assert_true(files > 4);
}

static int put_durably(struct swtpm_storage *storage, const char *name, const char *value)
{
    const struct swtpm_bytes bytes = {.data = value, .size = strlen(value)};
    return store_ops->put(storage, name, bytes, SWTPM_STORAGE_DURABLE, &store_error);
}

static void replace_and_check(const struct store_place *place, const char *name)
{
    static const char *const values[] = {"", "first", "second", "third one", "fourth"};

    assert_int_equal(put_durably(place->storage, "tpm2-00.savestate", "kept"), 0);
    for (unsigned i = 1; i < sizeof values / sizeof values[0]; i++) {
        struct image before = image_read(place->location);
        arm(0);
        assert_int_equal(put_durably(place->storage, name, values[i]), 0);
        disarm();
        assert_old_or_new(place, &before, name, values[i - 1], values[i]);
        free(before.data);
    }
}

static void a_state_survives_power_loss(void **state)
{
    replace_and_check(*state, "tpm2-00.permall");
}

static void a_value_of_any_name_survives_power_loss(void **state)
{
    replace_and_check(*state, "some.name");
}

/* What was put without the flag may be lost, but must not take durable values with it. */
static void a_put_that_was_not_durable_harms_no_durable_value(void **state)
{
    const struct store_place *place = *state;
    char value[64];

    assert_int_equal(put_durably(place->storage, "tpm2-00.savestate", "kept"), 0);
    assert_int_equal(put_durably(place->storage, "tpm2-00.permall", "durable"), 0);
    struct image before = image_read(place->location);
    arm(0);
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "passing"), 0);
    assert_int_equal(put_durably(place->storage, "tpm2-00.permall", "new"), 0);
    disarm();
    for (unsigned syncs = 0; syncs <= wire.syncs; syncs++)
        for (unsigned survivors = 0; survivors < 1u << writes_after(syncs); survivors++) {
            /* Before the first sync nothing was promised of the passing value. */
            if (syncs == 0 && (survivors & 1) == 0 && (survivors & 2) != 0)
                continue;
            struct image image = after_loss(&before, syncs, survivors);
            read_value(place, &image, "tpm2-00.permall", value, sizeof value);
            assert_true(strcmp(value, "durable") == 0 || strcmp(value, "passing") == 0 ||
                        strcmp(value, "new") == 0);
            free(image.data);
        }
    free(before.data);
}

static void a_first_put_leaves_an_empty_store_or_the_value(void **state)
{
    const struct store_place *place = *state;
    struct image before = image_read(place->location);
    char value[64];

    arm(0);
    assert_int_equal(put_durably(place->storage, "tpm2-00.permall", "first"), 0);
    disarm();
    for (unsigned syncs = 0; syncs <= wire.syncs; syncs++)
        for (unsigned survivors = 0; survivors < 1u << writes_after(syncs); survivors++) {
            struct image image = after_loss(&before, syncs, survivors);
            read_value(place, &image, "tpm2-00.permall", value, sizeof value);
            assert_string_equal(value, syncs < wire.syncs && value[0] == '\0' ? "" : "first");
            free(image.data);
        }
    free(before.data);
}

static void a_put_that_fails_anywhere_leaves_old_or_new(void **state)
{
    const struct store_place *place = *state;
    char value[64];
    int code = -1;

    for (unsigned at = 1; code != 0; at++) {
        assert_int_equal(put_durably(place->storage, "tpm2-00.permall", "old"), 0);
        arm(at);
        code = put_durably(place->storage, "tpm2-00.permall", "new");
        disarm();
        assert_true(code == 0 || code == SWTPM_PLUGIN_IO);
        struct image image = image_read(place->location);
        read_value(place, &image, "tpm2-00.permall", value, sizeof value);
        assert_true(strcmp(value, "new") == 0 || (code != 0 && strcmp(value, "old") == 0));
        free(image.data);
    }
    assert_int_equal(wire.calls, 4); /* value, sync, table, sync */
}

static void a_file_system_that_became_read_only_is_told(void **state)
{
    const struct store_place *place = *state;
    char value[64];

    assert_int_equal(put_durably(place->storage, "tpm2-00.permall", "old"), 0);
    is_read_only = true;
    int code = put_durably(place->storage, "tpm2-00.permall", "new");
    is_read_only = false;
    assert_int_equal(code, SWTPM_PLUGIN_DENIED);
    assert_non_null(strstr(store_error.message, "make its file system writable"));
    struct image image = image_read(place->location);
    read_value(place, &image, "tpm2-00.permall", value, sizeof value);
    assert_string_equal(value, "old");
    free(image.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_state_survives_power_loss),
        STORE_TEST(a_value_of_any_name_survives_power_loss),
        STORE_TEST(a_put_that_was_not_durable_harms_no_durable_value),
        STORE_TEST(a_first_put_leaves_an_empty_store_or_the_value),
        STORE_TEST(a_put_that_fails_anywhere_leaves_old_or_new),
        STORE_TEST(a_file_system_that_became_read_only_is_told),
    };
    return cmocka_run_group_tests(tests, store_load_file_plugin, store_remove_plugin);
}
