/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_files.h"
#include "single_file.h"
#include "store_place.h"

/* What swtpm-plugin-check asks of every plugin is not asked again here. */

struct listing {
    char names[512];
    unsigned count;
};

static int note_name(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;
    size_t used = strlen(listing->names);

    snprintf(listing->names + used, sizeof listing->names - used, "%s %u\n", name, (unsigned)size);
    listing->count++;
    return 0;
}

static void assert_listed(struct swtpm_storage *storage, const char *expected)
{
    struct listing listing = {.count = 0};

    assert_int_equal(store_ops->list(storage, note_name, &listing, &store_error), 0);
    assert_string_equal(listing.names, expected);
}

/* A file that the original could have made, with gaps filled by its sections. */
static void write_originals(const char *path)
{
    struct image image = image_new(0x20c0);

    image_place(&image, 0, 0x8c0, "permanent", 0x800);
    image_place(&image, 1, 0xc0, "volatile", 0x800);
    image_place(&image, 2, 0x10c0, "saved", 0x1000);
    image_write(path, image.data, image.size);
    free(image.data);
}

/* ------------------------------------------------------------------------------- format ------ */

static void a_new_file_is_formatted_by_the_first_put(void **state)
{
    const struct store_place *place = *state;

    assert_contents(place->location, "");
    assert_listed(place->storage, "");
    assert_int_equal(store_ops->del(place->storage, "tpm2-00.permall", 0, &store_error),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_contents(place->location, "");
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "state"), 0);
    struct image image = image_read(place->location);
    assert_memory_equal(image.data, "nilmptws\1\0\xc0\0", 12);
    assert_int_equal(entry_length(&image, 0), 5);
    assert_memory_equal(image.data + entry_offset(&image, 0), "state", 5);
    free(image.data);
}

static void states_have_the_entries_of_the_original(void **state)
{
    const struct store_place *place = *state;
    static const char *const names[] = {"tpm-00.permall", "tpm-00.volatilestate",
                                        "tpm-00.savestate"};

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_put(place->storage, names[i], names[i]), 0);
    struct image image = image_read(place->location);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(entry_length(&image, i), strlen(names[i]));
        assert_memory_equal(image.data + entry_offset(&image, i), names[i], strlen(names[i]));
    }
    free(image.data);
}

static void assert_without_gaps(const char *path)
{
    struct image image = image_read(path);
    uint64_t first = UINT64_MAX, sum = 0, end = 0;

    for (unsigned i = 0; i < ENTRIES; i++) {
        if (entry_offset(&image, i) == 0)
            continue;
        first = entry_offset(&image, i) < first ? entry_offset(&image, i) : first;
        sum += entry_size(&image, i);
        uint64_t reach = (uint64_t)entry_offset(&image, i) + entry_size(&image, i);
        end = reach > end ? reach : end;
    }
    assert_true(first == UINT64_MAX || first + sum == end);
    assert_true(end <= image.size);
    free(image.data);
}

static void change_somehow(struct swtpm_storage *storage, unsigned step)
{
    static const char *const names[] = {"tpm2-00.permall", "tpm2-00.volatilestate",
                                        "tpm2-00.savestate", "tpm2-00.permall.bak", "other"};
    static const char data[20000];
    const char *name = names[step * 7 % 5];
    struct swtpm_bytes value = {data, step * 7919 % sizeof data};

    if (step % 3 == 2)
        store_ops->del(storage, name, 0, &store_error);
    else
        assert_int_equal(store_ops->put(storage, name, value, 0, &store_error), 0);
}

/* The original loses data when there is a gap and it removes an entry. */
static void there_is_never_a_gap_between_sections(void **state)
{
    const struct store_place *place = *state;

    for (unsigned step = 0; step < 500; step++) {
        change_somehow(place->storage, step);
        assert_without_gaps(place->location);
    }
}

static void a_file_does_not_grow_with_the_number_of_puts(void **state)
{
    const struct store_place *place = *state;
    char data[9000] = "";
    struct stat status;

    for (unsigned i = 0; i < 100000; i++) {
        struct swtpm_bytes value = {data, 8000 + i % 1000};
        assert_int_equal(store_ops->put(place->storage,
                                        i % 4 == 0 ? "tpm2-00.volatilestate" : "tpm2-00.permall",
                                        value, 0, &store_error),
                         0);
    }
    assert_int_equal(stat(place->location, &status), 0);
    assert_true(status.st_size < 64 * 1024);
}

static void the_space_of_a_large_value_is_given_back(void **state)
{
    const struct store_place *place = *state;
    char *data = calloc(1, SWTPM_STORAGE_VALUE_MAX);
    struct swtpm_bytes large = {data, SWTPM_STORAGE_VALUE_MAX};
    struct stat status;

    assert_int_equal(store_ops->put(place->storage, "large", large, 0, &store_error), 0);
    assert_int_equal(store_ops->del(place->storage, "large", 0, &store_error), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(store_put(place->storage, "tpm2-00.permall", "small"), 0);
    assert_int_equal(stat(place->location, &status), 0);
    assert_true(status.st_size < 256 * 1024);
    assert_stored(place->storage, "tpm2-00.permall", "small");
    free(data);
}

/* -------------------------------------------------------------------------------- names ------ */

static void a_file_of_the_original_is_offered_to_both_versions_of_tpm(void **state)
{
    const struct store_place *place = *state;

    write_originals(place->location);
    assert_stored(place->storage, "tpm-00.permall", "permanent");
    assert_stored(place->storage, "tpm2-00.permall", "permanent");
    assert_stored(place->storage, "tpm2-00.savestate", "saved");
    assert_listed(place->storage, "tpm-00.permall 9\ntpm-00.volatilestate 8\ntpm-00.savestate 5\n"
                                  "tpm2-00.permall 9\ntpm2-00.volatilestate 8\n"
                                  "tpm2-00.savestate 5\n");
    assert_int_equal(store_failing_get(place->storage, "permall"), SWTPM_PLUGIN_NOT_FOUND);
}

static void the_first_put_of_a_state_says_whose_the_states_are(void **state)
{
    const struct store_place *place = *state;

    write_originals(place->location);
    assert_int_equal(store_put(place->storage, "note", "n"), 0);
    assert_stored(place->storage, "tpm-00.permall", "permanent");
    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "new"), 0);
    assert_int_equal(store_failing_get(place->storage, "tpm-00.permall"), SWTPM_PLUGIN_NOT_FOUND);
    assert_stored(place->storage, "tpm2-00.volatilestate", "volatile");
    assert_listed(place->storage, "tpm2-00.permall 3\ntpm2-00.volatilestate 8\n"
                                  "tpm2-00.savestate 5\nnote 1\n");
}

static void the_states_of_another_version_of_tpm_do_not_replace_these(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "tpm2-00.permall", "of TPM 2"), 0);
    assert_int_equal(store_put(place->storage, "tpm-00.permall", "of TPM 1.2"), 0);
    assert_stored(place->storage, "tpm2-00.permall", "of TPM 2");
    assert_stored(place->storage, "tpm-00.permall", "of TPM 1.2");
    assert_int_equal(store_ops->del(place->storage, "tpm2-00.permall", 0, &store_error), 0);
    assert_stored(place->storage, "tpm-00.permall", "of TPM 1.2");
    /* Now it may have the entry that the original reads. */
    assert_int_equal(store_put(place->storage, "tpm-00.permall", "newer"), 0);
    assert_listed(place->storage, "tpm-00.permall 5\n");
    struct image image = image_read(place->location);
    assert_memory_equal(image.data + entry_offset(&image, 0), "newer", 5);
    free(image.data);
}

static void entries_that_nobody_knows_are_kept(void **state)
{
    const struct store_place *place = *state;
    struct image image = image_new(0x1000);

    image_place(&image, 7, 0x200, "from the future", 0x400);
    image_place(&image, 0, 0x600, "permanent", 0x200);
    image_write(place->location, image.data, image.size);
    free(image.data);
    for (unsigned step = 0; step < 50; step++)
        change_somehow(place->storage, step);
    image = image_read(place->location);
    assert_int_equal(entry_offset(&image, 7), 0x200);
    assert_memory_equal(image.data + 0x200, "from the future", 15);
    free(image.data);
}

static void too_many_names_are_refused(void **state)
{
    const struct store_place *place = *state;
    char *image = calloc(4097, 68);
    char name[16];
    int code = 0;
    unsigned count = 0;

    /* One put of each name would take long: the file is written here. */
    memcpy(image, "swtpmext\1\0\0\0\0\x10\0\0", 16);
    for (unsigned i = 0; i < 4096; i++)
        snprintf(image + 16 + (size_t)i * 68, 64, "n%u", i);
    struct image file = image_new(0x200 + 16 + 4096 * 68);
    image_place(&file, EXTENSION, 0x200, "", 16 + 4096 * 68);
    image_set_number(&file, ENTRY_OFFSET + EXTENSION * ENTRY_SIZE + 4, 16 + 4096 * 68);
    memcpy(file.data + 0x200, image, 16 + 4096 * 68);
    image_write(place->location, file.data, file.size);
    free(image);
    free(file.data);
    for (; code == 0 && count < 2; count++) {
        snprintf(name, sizeof name, "more%u", count);
        code = store_put(place->storage, name, "");
    }
    assert_int_equal(code, SWTPM_PLUGIN_NO_SPACE);
    assert_int_equal(count, 1);
    assert_store_error("4096 values");
    assert_int_equal(store_put(place->storage, "n77", "again"), 0);
    assert_int_equal(store_put(place->storage, "tpm-00.permall", "state"), 0);
    assert_stored(place->storage, "n77", "again");
}

/* ------------------------------------------------------------------------------ the place ---- */

static void assert_refused(const char *location, int code, const char *message)
{
    struct swtpm_storage *storage = NULL;

    assert_int_equal(store_try_open(location, SWTPM_STORAGE_CREATE, &storage), code);
    assert_store_error(message);
    assert_store_error(location);
    assert_null(storage);
}

static void what_is_something_else_is_refused_and_kept(void **state)
{
    const struct store_place *place = *state;
    static const char text[] = "root:x:0:0:root:/root:/bin/bash\n";
    char long_text[256];
    const char *path = path_in(place->directory, "passwd");
    unsigned char zeros[4096] = {0};

    write_file(path, text);
    assert_refused(path, SWTPM_PLUGIN_CORRUPT, "has 32 bytes, less than the 192 of its table");
    assert_contents(path, text);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    write_file(path, long_text);
    assert_refused(path, SWTPM_PLUGIN_CORRUPT, "is not empty and holds no TPM state");
    assert_contents(path, long_text);
    image_write(path, zeros, sizeof zeros);
    assert_refused(path, SWTPM_PLUGIN_CORRUPT, "is not empty and holds no TPM state");
    image_write(path, zeros, 1);
    assert_refused(path, SWTPM_PLUGIN_CORRUPT, "less than the 192");
}

/* What power loss can leave of the first write: its size is there, its data are not. */
static void a_table_of_zero_bytes_alone_is_an_empty_store(void **state)
{
    const struct store_place *place = *state;
    const char *path = path_in(place->directory, "zeros");
    const unsigned char zeros[193] = {0};
    struct swtpm_storage *storage = NULL;

    image_write(path, zeros, 193);
    assert_refused(path, SWTPM_PLUGIN_CORRUPT, "is not empty and holds no TPM state");
    image_write(path, zeros, 192);
    assert_int_equal(store_try_open(path, 0, &storage), 0);
    assert_int_equal(store_put(storage, "tpm2-00.permall", "state"), 0);
    assert_stored(storage, "tpm2-00.permall", "state");
    store_ops->close(storage);
}

static void a_file_that_became_something_else_is_kept(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "value", "x"), 0);
    write_file(place->location, "something else");
    assert_int_equal(store_put(place->storage, "value", "y"), SWTPM_PLUGIN_CORRUPT);
    assert_contents(place->location, "something else");
}

static void only_files_and_block_devices_are_opened(void **state)
{
    const struct store_place *place = *state;
    const char *link_path = path_in(place->directory, "link");
    const char *fifo = path_in(place->directory, "fifo");

    alarm(60); /* a FIFO that is waited for would hang the test */
    assert_int_equal(symlink(place->location, link_path), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_refused(link_path, SWTPM_PLUGIN_DENIED, "symbolic link");
    assert_refused(fifo, SWTPM_PLUGIN_DENIED, "neither a regular file nor a block device");
    assert_refused(place->directory, SWTPM_PLUGIN_DENIED, "neither a regular file");
    assert_refused("/dev/null", SWTPM_PLUGIN_DENIED, "neither a regular file");
    assert_refused(path_in(place->directory, "missing/state"), SWTPM_PLUGIN_NOT_FOUND, "directory");
    assert_refused(path_in(place->directory, "slash/"), SWTPM_PLUGIN_INVALID, "slash");
    alarm(0);
}

static void assert_fenced(struct swtpm_storage *storage)
{
    assert_int_equal(store_put(storage, "value", "new"), SWTPM_PLUGIN_FENCED);
    assert_store_error("removed or replaced");
    assert_int_equal(store_ops->del(storage, "value", 0, &store_error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(store_ops->lock(storage, &store_error), SWTPM_PLUGIN_FENCED);
}

static void a_file_that_was_replaced_fences(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(rename(place->location, path_in(place->directory, "moved")), 0);
    assert_fenced(place->storage);
    struct swtpm_storage *other = store_open(place->location);
    assert_int_equal(store_put(other, "value", "theirs"), 0);
    assert_fenced(place->storage);
    assert_stored(other, "value", "theirs");
    store_ops->close(other);
}

static void a_file_that_was_replaced_while_locked_fences(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "value", "old"), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(unlink(place->location), 0);
    assert_fenced(place->storage);
}

static void two_handles_exclude_each_other_by_pid(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *other = store_open(place->location);
    char holder[64];

    snprintf(holder, sizeof holder, "is locked by process %d;", getpid());
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->lock(other, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error(holder);
    assert_int_equal(store_ops->unlock(place->storage, &store_error), 0);
    assert_int_equal(store_ops->lock(other, &store_error), 0);
    store_ops->close(other);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
}

static void a_record_lock_of_the_whole_file_is_respected(void **state)
{
    const struct store_place *place = *state;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(place->location, O_RDWR | O_CLOEXEC);

    assert_int_equal(fcntl(fd, F_SETLK, &lock), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), SWTPM_PLUGIN_BUSY);
    assert_store_error("is locked by process");
    close(fd);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
}

static void readers_see_what_another_handle_writes(void **state)
{
    const struct store_place *place = *state;
    struct swtpm_storage *reader = NULL;

    assert_int_equal(store_try_open(place->location, SWTPM_STORAGE_READ_ONLY, &reader), 0);
    assert_int_equal(store_ops->lock(place->storage, &store_error), 0);
    assert_listed(reader, "");
    assert_int_equal(store_put(place->storage, "value", "one"), 0);
    assert_stored(reader, "value", "one");
    assert_int_equal(store_put(place->storage, "value", "two"), 0);
    assert_stored(reader, "value", "two");
    store_ops->close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_new_file_is_formatted_by_the_first_put),
        STORE_TEST(states_have_the_entries_of_the_original),
        STORE_TEST(there_is_never_a_gap_between_sections),
        STORE_TEST(a_file_does_not_grow_with_the_number_of_puts),
        STORE_TEST(the_space_of_a_large_value_is_given_back),
        STORE_TEST(a_file_of_the_original_is_offered_to_both_versions_of_tpm),
        STORE_TEST(the_first_put_of_a_state_says_whose_the_states_are),
        STORE_TEST(the_states_of_another_version_of_tpm_do_not_replace_these),
        STORE_TEST(entries_that_nobody_knows_are_kept),
        STORE_TEST(too_many_names_are_refused),
        STORE_TEST(what_is_something_else_is_refused_and_kept),
        STORE_TEST(a_table_of_zero_bytes_alone_is_an_empty_store),
        STORE_TEST(a_file_that_became_something_else_is_kept),
        STORE_TEST(only_files_and_block_devices_are_opened),
        STORE_TEST(a_file_that_was_replaced_fences),
        STORE_TEST(a_file_that_was_replaced_while_locked_fences),
        STORE_TEST(two_handles_exclude_each_other_by_pid),
        STORE_TEST(a_record_lock_of_the_whole_file_is_respected),
        STORE_TEST(readers_see_what_another_handle_writes),
    };
    return cmocka_run_group_tests(tests, store_load_file_plugin, store_remove_plugin);
}
