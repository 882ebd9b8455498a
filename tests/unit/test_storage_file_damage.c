/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_files.h"
#include "single_file.h"
#include "store_place.h"

/* Every kind of damage to the file is met with a result, never with a signal; what contradicts
 * itself is CORRUPT, and the file is left as it is. */

static const char *const names[] = {"tpm2-00.permall", "tpm2-00.volatilestate", "note", "other"};

enum { NAMES = sizeof names / sizeof names[0] };

/* A store with four values, written by the plugin. */
static struct image make_whole(const struct store_place *place)
{
    for (unsigned i = 0; i < NAMES; i++)
        assert_int_equal(store_put(place->storage, names[i], names[i]), 0);
    return image_read(place->location);
}

static int visit_nothing(void *context, const char *name, uint64_t size)
{
    (void)context;
    (void)name;
    (void)size;
    return 0;
}

/* The code of list; get and put must agree with it on whether the store as a whole is good. */
static int use(const struct store_place *place)
{
    char data[256];
    size_t size;
    int code = store_ops->list(place->storage, visit_nothing, NULL, &store_error);

    for (unsigned i = 0; i < NAMES; i++) {
        int got = store_ops->get(place->storage, names[i], (struct swtpm_buffer){data, sizeof data},
                                 &size, &store_error);
        if (code != 0)
            assert_int_equal(got, code);
    }
    if (code != 0)
        assert_int_equal(store_put(place->storage, "tpm2-00.permall", "new"), code);
    return code;
}

static void assert_corrupt(const struct store_place *place, const struct image *image)
{
    image_write(place->location, image->data, image->size);
    assert_int_equal(use(place), SWTPM_PLUGIN_CORRUPT);
    assert_store_error(place->location);
    struct image after = image_read(place->location);
    assert_int_equal(after.size, image->size);
    assert_memory_equal(after.data, image->data, image->size);
    free(after.data);
}

static void a_file_that_was_cut_off_anywhere_is_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);

    for (size_t size = 1; size < whole.size; size++) {
        uint32_t end = 0;
        for (unsigned i = 0; i < ENTRIES; i++)
            if (entry_offset(&whole, i) + entry_size(&whole, i) > end)
                end = entry_offset(&whole, i) + entry_size(&whole, i);
        if (size < end)
            assert_corrupt(place, &(struct image){whole.data, size});
    }
    free(whole.data);
}

static void each_byte_of_the_start_is_checked(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);

    for (size_t at = 0; at < ENTRY_OFFSET; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            whole.data[at] ^= (unsigned char)(1u << bit);
            assert_corrupt(place, &whole);
            whole.data[at] ^= (unsigned char)(1u << bit);
        }
    free(whole.data);
}

static void numbers_that_wrap_around_are_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);
    static const uint32_t hostile[] = {0x7fffffff, 0x80000000, 0xfffffe00, 0xffffffff};

    for (size_t at = ENTRY_OFFSET; at < TABLE_SIZE; at += 4)
        for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
            uint32_t before = image_number(&whole, at);
            image_set_number(&whole, at, hostile[i]);
            assert_corrupt(place, &whole);
            image_set_number(&whole, at, before);
        }
    free(whole.data);
}

static void sections_in_the_table_are_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);

    for (unsigned entry = 0; entry < ENTRIES; entry++)
        for (uint32_t offset = 1; offset < TABLE_SIZE; offset++) {
            size_t at = ENTRY_OFFSET + (size_t)entry * ENTRY_SIZE;
            uint32_t before = image_number(&whole, at);
            image_set_number(&whole, at, offset);
            assert_corrupt(place, &whole);
            image_set_number(&whole, at, before);
        }
    free(whole.data);
}

static void sections_that_overlap_are_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);

    for (unsigned entry = 3; entry < EXTENSION; entry++)
        for (uint32_t shift = 0; shift < entry_size(&whole, 0); shift += 7) {
            struct image image = image_new(whole.size);
            memcpy(image.data, whole.data, whole.size);
            image_place(&image, entry, entry_offset(&whole, 0) + shift, "", 1);
            assert_corrupt(place, &image);
            free(image.data);
        }
    free(whole.data);
}

static void every_flipped_bit_has_a_result(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);
    size_t extension = entry_offset(&whole, EXTENSION), length = entry_length(&whole, EXTENSION);
    unsigned corrupt = 0;

    for (size_t bit = 0; bit < (TABLE_SIZE + length) * 8; bit++) {
        size_t at = bit / 8 < TABLE_SIZE ? bit / 8 : extension + bit / 8 - TABLE_SIZE;
        whole.data[at] ^= (unsigned char)(1u << bit % 8);
        image_write(place->location, whole.data, whole.size);
        int code = use(place);
        assert_true(code == 0 || code == SWTPM_PLUGIN_CORRUPT);
        corrupt += code != 0;
        whole.data[at] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(corrupt > 1000);
    free(whole.data);
}

static void assert_extension_corrupt(const struct store_place *place, struct image *whole,
                                     size_t at, const char *bytes, size_t count)
{
    unsigned char before[64];
    unsigned char *there = whole->data + entry_offset(whole, EXTENSION) + at;

    memcpy(before, there, count);
    memcpy(there, bytes, count);
    assert_corrupt(place, whole);
    memcpy(there, before, count);
}

static void a_directory_of_names_that_contradicts_itself_is_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image whole = make_whole(place);
    char long_name[64];

    memset(long_name, 'a', sizeof long_name);
    assert_extension_corrupt(place, &whole, 0, "somethin", 8); /* mark */
    assert_extension_corrupt(place, &whole, 8, "\2", 1);       /* version */
    assert_extension_corrupt(place, &whole, 9, "\3", 1);       /* whose */
    assert_extension_corrupt(place, &whole, 12, "\3", 1);      /* count */
    assert_extension_corrupt(place, &whole, 12, "\1", 1);
    assert_extension_corrupt(place, &whole, 12, "\xff\xff\xff\xff", 4);
    assert_extension_corrupt(place, &whole, 16, "../x", 5); /* a name */
    assert_extension_corrupt(place, &whole, 16, "", 1);
    assert_extension_corrupt(place, &whole, 16, "other", 6); /* twice */
    assert_extension_corrupt(place, &whole, 16, long_name, sizeof long_name);
    assert_extension_corrupt(place, &whole, 80, "\xff\xff\xff\xff", 4); /* a size */
    assert_extension_corrupt(place, &whole, 80, "\5", 1);
    assert_extension_corrupt(place, &whole, 80, "\3", 1);
    free(whole.data);
}

static void a_value_larger_than_any_is_corrupt(void **state)
{
    const struct store_place *place = *state;
    struct image image = image_new(SWTPM_STORAGE_VALUE_MAX + 1024u);

    image_place(&image, 0, 512, "", SWTPM_STORAGE_VALUE_MAX + 1);
    image_set_number(&image, ENTRY_OFFSET + 4, SWTPM_STORAGE_VALUE_MAX + 1);
    assert_corrupt(place, &image);
    assert_store_error("16777217 bytes");
    free(image.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_file_that_was_cut_off_anywhere_is_corrupt),
        STORE_TEST(each_byte_of_the_start_is_checked),
        STORE_TEST(numbers_that_wrap_around_are_corrupt),
        STORE_TEST(sections_in_the_table_are_corrupt),
        STORE_TEST(sections_that_overlap_are_corrupt),
        STORE_TEST(every_flipped_bit_has_a_result),
        STORE_TEST(a_directory_of_names_that_contradicts_itself_is_corrupt),
        STORE_TEST(a_value_larger_than_any_is_corrupt),
    };
    return cmocka_run_group_tests(tests, store_load_file_plugin, store_remove_plugin);
}
