/* SPDX-License-Identifier: BSD-3-Clause */
/* That storage-dir and storage-file wipe the memory of their own through which values go; storage-lmdb
 * has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store_place.h"
#include "wiped_memory.h"

static const char secret[] = "a state that nobody else may see";

/* As often as it was copied, and not wiped elsewhere. */
static void assert_get_wipes(struct swtpm_storage *storage, const char *name)
{
    wiped_memory_forget();
    assert_stored(storage, name, secret);
    assert_int_equal(wiped_memory_count(secret, strlen(secret)), 1);
}

static void a_value_that_was_read_is_wiped(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "tpm2-00.permall", secret), 0);
    assert_get_wipes(place->storage, "tpm2-00.permall");
    assert_int_equal(store_put(place->storage, "other", secret), 0);
    assert_get_wipes(place->storage, "other");
}

/* The extension of a single file is written anew as a whole. */
static void the_values_of_an_extension_are_wiped(void **state)
{
    const struct store_place *place = *state;

    assert_int_equal(store_put(place->storage, "first", secret), 0);
    wiped_memory_forget();
    assert_int_equal(store_put(place->storage, "second", "public"), 0);
    assert_int_equal(wiped_memory_count(secret, strlen(secret)), 1);
}

int main(void)
{
    const struct CMUnitTest directory[] = {STORE_TEST(a_value_that_was_read_is_wiped)};
    const struct CMUnitTest file[] = {
        STORE_TEST(a_value_that_was_read_is_wiped),
        STORE_TEST(the_values_of_an_extension_are_wiped),
    };
    int failed = cmocka_run_group_tests_name("storage-dir", directory, store_load_plugin,
                                             store_remove_plugin);
    return failed + cmocka_run_group_tests_name("storage-file", file, store_load_file_plugin,
                                                store_remove_plugin);
}
