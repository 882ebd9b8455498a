/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/storage.h"
#include "plugin_files.h"

/* The plugins under test: one that is right, and one that is wrong on demand. */
static char *directory;
static const struct storage_plugin *memory;
static const struct storage_plugin *odd;

static void load(const char *name, const struct storage_plugin **plugin)
{
    const struct plugin_search search = {.directory = directory};
    struct error error;
    char file[64];

    snprintf(file, sizeof file, "storage-%s.so", name);
    plugin_file_copy(directory, file, file);
    if (storage_load(&search, name, plugin, &error) != 0)
        fail_msg("%s", error.text);
}

static int load_plugins(void **state)
{
    (void)state;
    directory = plugin_directory_make();
    load("mem", &memory);
    load("odd", &odd);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    plugin_directory_remove(directory);
    return 0;
}

static struct storage *open_store(const struct storage_plugin *plugin, const char *location)
{
    const struct storage_parameters parameters = {
        .location = location, .mode = 0640, .create = true};
    struct storage *storage = NULL;
    struct error error;

    if (storage_open(plugin, &parameters, &storage, &error) != 0)
        fail_msg("%s", error.text);
    return storage;
}

static struct swtpm_bytes text(const char *string)
{
    return (struct swtpm_bytes){.data = string, .size = strlen(string)};
}

static void assert_contains(const struct error *error, const char *wanted)
{
    if (strstr(error->text, wanted) == NULL)
        fail_msg("wanted \"%s\" in: %s", wanted, error->text);
}

/* ------------------------------------------------------------------------------- loading ----- */

static void a_uri_is_split_at_its_scheme(void **state)
{
    (void)state;
    char name[32] = "untouched";
    const char *location = NULL;
    struct error error;

    assert_int_equal(storage_uri_split("dir:///var/lib/tpm", name, &location, &error), 0);
    assert_string_equal(name, "dir");
    assert_string_equal(location, "/var/lib/tpm");
    assert_int_equal(storage_uri_split("lmdb://a?tpm=b://c", name, &location, &error), 0);
    assert_string_equal(name, "lmdb");
    assert_string_equal(location, "a?tpm=b://c");
}

static void a_uri_without_scheme_or_place_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "dir",      "/var/lib", "dir:/x",   "dir://",
                                      "://x",    "DIR://x",  "../x://y", "a b://c",  "-d://x",
                                      "12345678901234567890123456789012://x"};
    char name[32] = "untouched";
    const char *location = NULL;
    struct error error;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(storage_uri_split(bad[i], name, &location, &error), -1);
        assert_contains(&error, bad[i]);
        assert_contains(&error, "is not a storage URI");
    }
    assert_string_equal(name, "untouched");
    assert_null(location);
}

static void loading_twice_gives_the_same(void **state)
{
    (void)state;
    const struct plugin_search search = {.directory = directory};
    const struct storage_plugin *again = NULL;
    struct error error;

    assert_int_equal(storage_load(&search, "mem", &again, &error), 0);
    assert_ptr_equal(again, memory);
    assert_string_equal(storage_plugin_descriptor(again)->name, "mem");
    assert_int_equal(storage_load(&search, "missing", &again, &error), -1);
    assert_ptr_equal(again, memory);
}

static void capabilities_are_the_plugins(void **state)
{
    (void)state;
    assert_false(storage_plugin_can_lock(memory));
    assert_true(storage_plugin_can_lock(odd));
    assert_false(storage_plugin_can_be_durable(odd));
}

/* -------------------------------------------------------------------------------- open ------ */

static void a_failed_open_gives_no_store(void **state)
{
    (void)state;
    struct storage_parameters parameters = {.location = "denied"};
    struct storage *storage = NULL;
    struct error error;

    assert_int_equal(storage_open(odd, &parameters, &storage, &error), SWTPM_PLUGIN_DENIED);
    assert_string_equal(error.text, "storage plugin 'odd': not for you");
    parameters.location = "no-handle";
    assert_int_equal(storage_open(odd, &parameters, &storage, &error), SWTPM_PLUGIN_IO);
    assert_contains(&error, "without giving a handle");
    assert_null(storage);
    storage_close(storage);
}

struct announcement {
    char path[64];
    uint32_t access;
    int answer;
};

static int note_path(void *context, const char *path, uint32_t access)
{
    struct announcement *announcement = context;
    snprintf(announcement->path, sizeof announcement->path, "%s", path);
    announcement->access = access;
    return announcement->answer;
}

static void announced_paths_reach_the_host(void **state)
{
    (void)state;
    struct announcement announcement = {.answer = 0};
    const struct storage_parameters parameters = {
        .location = "announces", .announce_path = note_path, .context = &announcement};
    struct storage *storage = NULL;
    struct error error;

    assert_int_equal(storage_open(odd, &parameters, &storage, &error), 0);
    storage_close(storage);
    assert_string_equal(announcement.path, "/some/where");
    assert_int_equal(announcement.access, SWTPM_PATH_READ | SWTPM_PATH_WRITE);

    announcement.answer = SWTPM_PLUGIN_DENIED;
    storage = NULL;
    assert_int_equal(storage_open(odd, &parameters, &storage, &error), SWTPM_PLUGIN_DENIED);
    assert_null(storage);

    /* Nobody has to listen. */
    storage_close(open_store(odd, "announces"));
}

/* ------------------------------------------------------------------------- get, put, … ------ */

static void what_was_put_is_got(void **state)
{
    (void)state;
    struct storage *storage = open_store(memory, "x");
    struct buffer value = {0};
    struct error error;

    assert_int_equal(storage_put(storage, "a", text("first"), false, &error), 0);
    assert_int_equal(storage_put(storage, "a", text("second!"), false, &error), 0);
    assert_int_equal(storage_put(storage, "b", (struct swtpm_bytes){0}, false, &error), 0);
    assert_int_equal(storage_get(storage, "a", &value, &error), 0);
    assert_int_equal(value.size, 7);
    assert_memory_equal(value.data, "second!", 7);
    assert_int_equal(value.capacity, 7);
    assert_int_equal(storage_get(storage, "b", &value, &error), 0);
    assert_int_equal(value.size, 0);
    assert_int_equal(storage_delete(storage, "a", false, &error), 0);
    assert_int_equal(storage_delete(storage, "a", false, &error), SWTPM_PLUGIN_NOT_FOUND);
    buffer_free(&value);
    storage_close(storage);
}

static void a_failed_get_leaves_the_buffer(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        const char *message;
    } cases[] = {
        {"missing", SWTPM_PLUGIN_NOT_FOUND, "storage plugin 'odd': no such value"},
        {"unknown-code", SWTPM_PLUGIN_IO,
         "storage plugin 'odd': returned 77, which is no code of the plugin interface: "
         "seventy-seven"},
        {"code-too-low", SWTPM_PLUGIN_IO,
         "storage plugin 'odd': returned -12, which is no code of the plugin interface: "
         "minus twelve"},
        {"no-message", SWTPM_PLUGIN_CORRUPT,
         "storage plugin 'odd': failed with code -6 and without a message"},
        {"two-lines", SWTPM_PLUGIN_IO, "storage plugin 'odd': first second [2J"},
        {"overrun", SWTPM_PLUGIN_IO,
         "storage plugin 'odd': gave more of the value 'overrun' than there was room for"},
        {"too-large", SWTPM_PLUGIN_CORRUPT,
         "storage plugin 'odd': the value 'too-large' has 16777217 bytes, more than the 16777216 "
         "allowed"},
        {"grows-always", SWTPM_PLUGIN_IO,
         "storage plugin 'odd': the value 'grows-always' grew at each of 8 tries to read it"},
    };
    struct storage *storage = open_store(odd, "x");
    struct buffer value = {0};
    struct error error;

    assert_int_equal(buffer_append(&value, "before", 6), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(storage_get(storage, cases[i].name, &value, &error), cases[i].code);
        assert_string_equal(error.text, cases[i].message);
        assert_int_equal(value.size, 6);
        assert_memory_equal(value.data, "before", 6);
    }
    buffer_free(&value);
    storage_close(storage);
}

static void a_message_without_end_is_cut(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");
    struct buffer value = {0};
    struct error error;

    assert_int_equal(storage_get(storage, "endless-message", &value, &error), SWTPM_PLUGIN_IO);
    assert_int_equal(strlen(error.text),
                     strlen("storage plugin 'odd': ") + SWTPM_PLUGIN_ERROR_SIZE - 1);
    storage_close(storage);
}

/* The value "gets" is as long as the number of gets that brought room for data. */
static size_t count_gets(struct storage *storage)
{
    struct buffer value = {0};
    struct error error;

    assert_int_equal(storage_get(storage, "gets", &value, &error), 0);
    size_t count = value.size;
    buffer_free(&value);
    return count;
}

static void a_small_value_costs_one_call(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");

    assert_int_equal(count_gets(storage), 1);
    assert_int_equal(count_gets(storage), 2);
    storage_close(storage);
}

static void a_value_that_grows_meanwhile_is_got_whole(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");
    struct buffer value = {0};
    struct error error;

    assert_int_equal(storage_get(storage, "grows-once", &value, &error), 0);
    assert_int_equal(value.size, 200000);
    assert_int_equal(value.data[199999], 0xa5);
    assert_int_equal(storage_get(storage, "largest", &value, &error), 0);
    assert_int_equal(value.size, SWTPM_STORAGE_VALUE_MAX);
    buffer_free(&value);
    storage_close(storage);
}

static void bad_names_never_reach_the_plugin(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", ".", "..", ".lock", "-a", "A", "a/b", "../a", "a b", "a\n", "\xc3\xa4", "a_b",
        "1234567890123456789012345678901234567890123456789012345678901234"};
    struct storage *storage = open_store(odd, "x");
    struct buffer value = {0};
    struct error error;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(storage_get(storage, bad[i], &value, &error), SWTPM_PLUGIN_INVALID);
        assert_int_equal(storage_put(storage, bad[i], text("x"), false, &error),
                         SWTPM_PLUGIN_INVALID);
        assert_int_equal(storage_delete(storage, bad[i], false, &error), SWTPM_PLUGIN_INVALID);
    }
    assert_int_equal(storage_get(storage, "puts", &value, &error), 0);
    assert_int_equal(value.size, 0);
    assert_int_equal(count_gets(storage), 2);
    buffer_free(&value);
    storage_close(storage);
}

static void the_longest_name_is_good(void **state)
{
    (void)state;
    const char *name = "123456789012345678901234567890123456789012345678901234567890-.a";
    struct storage *storage = open_store(memory, "x");
    struct error error;

    assert_int_equal(strlen(name), SWTPM_STORAGE_NAME_MAX);
    assert_int_equal(storage_put(storage, name, text("x"), false, &error), 0);
    storage_close(storage);
}

static void a_value_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct storage *storage = open_store(memory, "x");
    struct swtpm_bytes value = {.size = SWTPM_STORAGE_VALUE_MAX};
    void *data = calloc(1, value.size);
    struct error error;

    assert_non_null(data);
    value.data = data;
    assert_int_equal(storage_put(storage, "a", value, false, &error), 0);
    value.size++; /* not read before it is checked */
    assert_int_equal(storage_put(storage, "a", value, false, &error), SWTPM_PLUGIN_INVALID);
    assert_contains(&error, "16777217 bytes");
    free(data);
    storage_close(storage);
}

static void durability_is_not_promised_for_a_plugin_without(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");
    struct error error;

    assert_int_equal(storage_put(storage, "a", text("x"), true, &error),
                     SWTPM_PLUGIN_UNSUPPORTED);
    assert_contains(&error, "fsync=false");
    assert_int_equal(storage_delete(storage, "a", true, &error), SWTPM_PLUGIN_UNSUPPORTED);
    storage_close(storage);
}

static void a_read_only_store_changes_nothing(void **state)
{
    (void)state;
    const struct storage_parameters parameters = {.location = "x", .read_only = true};
    struct storage *storage = NULL;
    struct buffer value = {0};
    struct error error;

    assert_int_equal(storage_open(odd, &parameters, &storage, &error), 0);
    assert_int_equal(storage_put(storage, "a", text("x"), false, &error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(storage_delete(storage, "a", false, &error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(storage_lock(storage, &error), SWTPM_PLUGIN_DENIED);
    assert_int_equal(storage_get(storage, "puts", &value, &error), 0);
    assert_int_equal(value.size, 0);
    buffer_free(&value);
    storage_close(storage);
}

/* -------------------------------------------------------------------------- lock, fence ------ */

static void a_busy_lock_is_told_with_the_plugins_words(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "busy");
    struct error error;

    assert_int_equal(storage_lock(storage, &error), SWTPM_PLUGIN_BUSY);
    assert_string_equal(error.text, "storage plugin 'odd': process 4711 has it");
    storage_close(storage);
}

static int count_visits(void *context, const char *name, uint64_t size)
{
    (void)name;
    (void)size;
    ++*(unsigned *)context;
    return 0;
}

static void a_fenced_store_stays_fenced(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");
    struct buffer value = {0};
    struct error error;
    unsigned visits = 0;

    assert_int_equal(storage_put(storage, "fine", text("x"), false, &error), 0);
    assert_int_equal(storage_put(storage, "fenced", text("x"), false, &error),
                     SWTPM_PLUGIN_FENCED);
    assert_contains(&error, "somebody came");
    assert_int_equal(storage_put(storage, "fine", text("x"), false, &error), SWTPM_PLUGIN_FENCED);
    assert_contains(&error, "taken over");
    assert_int_equal(storage_get(storage, "gets", &value, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(storage_delete(storage, "fine", false, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(storage_lock(storage, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(storage_unlock(storage, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(storage_list(storage, count_visits, &visits, &error), SWTPM_PLUGIN_FENCED);
    assert_int_equal(visits, 0);
    storage_close(storage);
}

/* -------------------------------------------------------------------------------- list ------ */

static int stop_with_42(void *context, const char *name, uint64_t size)
{
    count_visits(context, name, size);
    return 42;
}

static void a_list_visits_all_or_until_the_visitor_stops_it(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "x");
    struct error error;
    unsigned visits = 0;

    assert_int_equal(storage_list(storage, count_visits, &visits, &error), 0);
    assert_int_equal(visits, 2);
    visits = 0;
    assert_int_equal(storage_list(storage, stop_with_42, &visits, &error), 42);
    assert_int_equal(visits, 1);
    storage_close(storage);
}

static void a_list_of_bad_names_or_codes_is_an_error(void **state)
{
    (void)state;
    struct storage *storage = open_store(odd, "bad-name");
    struct error error;
    unsigned visits = 0;

    assert_int_equal(storage_list(storage, count_visits, &visits, &error), SWTPM_PLUGIN_IO);
    assert_contains(&error, "a name that is not allowed");
    assert_int_equal(visits, 0);
    storage_close(storage);

    storage = open_store(odd, "bad-list");
    assert_int_equal(storage_list(storage, count_visits, &visits, &error), SWTPM_PLUGIN_IO);
    assert_contains(&error, "returned 5");
    storage_close(storage);
}

/* -------------------------------------------------------------------------- list stores ------ */

struct visited {
    unsigned count;
    char last[32];
    int answer;
};

static int note_store(void *context, const char *location)
{
    struct visited *visited = context;

    visited->count++;
    snprintf(visited->last, sizeof visited->last, "%s", location);
    return visited->answer;
}

static void without_the_op_a_location_is_the_only_store(void **state)
{
    (void)state;
    struct visited visited = {0};
    struct error error;

    assert_int_equal(storage_list_stores(memory, "x/y", note_store, &visited, &error), 0);
    assert_int_equal(visited.count, 1);
    assert_string_equal(visited.last, "x/y");
    visited.answer = -7;
    assert_int_equal(storage_list_stores(memory, "x/y", note_store, &visited, &error), -7);
}

static void stores_are_visited_until_the_visitor_stops(void **state)
{
    (void)state;
    struct visited visited = {0};
    struct error error;

    assert_int_equal(storage_list_stores(odd, "place", note_store, &visited, &error), 0);
    assert_int_equal(visited.count, 2);
    assert_string_equal(visited.last, "place/second");
    visited = (struct visited){.answer = 42};
    assert_int_equal(storage_list_stores(odd, "place", note_store, &visited, &error), 42);
    assert_int_equal(visited.count, 1);
}

static void a_failure_to_list_stores_is_told(void **state)
{
    (void)state;
    struct visited visited = {0};
    struct error error;

    assert_int_equal(storage_list_stores(odd, "no-place", note_store, &visited, &error),
                     SWTPM_PLUGIN_NOT_FOUND);
    assert_contains(&error, "nothing there");
    assert_int_equal(storage_list_stores(odd, "bad-place", note_store, &visited, &error),
                     SWTPM_PLUGIN_IO);
    assert_contains(&error, "returned 5");
    assert_int_equal(visited.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_is_split_at_its_scheme),
        cmocka_unit_test(a_uri_without_scheme_or_place_is_refused),
        cmocka_unit_test(loading_twice_gives_the_same),
        cmocka_unit_test(capabilities_are_the_plugins),
        cmocka_unit_test(a_failed_open_gives_no_store),
        cmocka_unit_test(announced_paths_reach_the_host),
        cmocka_unit_test(what_was_put_is_got),
        cmocka_unit_test(a_failed_get_leaves_the_buffer),
        cmocka_unit_test(a_message_without_end_is_cut),
        cmocka_unit_test(a_small_value_costs_one_call),
        cmocka_unit_test(a_value_that_grows_meanwhile_is_got_whole),
        cmocka_unit_test(bad_names_never_reach_the_plugin),
        cmocka_unit_test(the_longest_name_is_good),
        cmocka_unit_test(a_value_over_the_limit_is_refused),
        cmocka_unit_test(durability_is_not_promised_for_a_plugin_without),
        cmocka_unit_test(a_read_only_store_changes_nothing),
        cmocka_unit_test(a_busy_lock_is_told_with_the_plugins_words),
        cmocka_unit_test(a_fenced_store_stays_fenced),
        cmocka_unit_test(a_list_visits_all_or_until_the_visitor_stops_it),
        cmocka_unit_test(a_list_of_bad_names_or_codes_is_an_error),
        cmocka_unit_test(without_the_op_a_location_is_the_only_store),
        cmocka_unit_test(stores_are_visited_until_the_visitor_stops),
        cmocka_unit_test(a_failure_to_list_stores_is_told),
    };
    return cmocka_run_group_tests(tests, load_plugins, remove_directory);
}
