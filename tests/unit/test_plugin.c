/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "plugin/descriptor.h"
#include "plugin/search.h"
#include "plugin_files.h"

/* Two directories that root may load from. */
struct places {
    char *first;
    char *second;
};

static int make_places(void **state)
{
    struct places *places = calloc(1, sizeof *places);
    assert_non_null(places);
    places->first = plugin_directory_make();
    places->second = plugin_directory_make();
    unsetenv("SWTPM_PLUGIN_DIR");
    unsetenv("DEFECTIVE_PLUGIN_RAN");
    *state = places;
    return 0;
}

static int remove_places(void **state)
{
    struct places *places = *state;
    unsetenv("SWTPM_PLUGIN_DIR");
    plugin_directory_remove(places->first);
    plugin_directory_remove(places->second);
    free(places);
    return 0;
}

static const struct swtpm_plugin *load_storage(const char *directory, const char *name,
                                               struct error *error)
{
    const struct plugin_search search = {.directory = directory};
    return plugin_load(&search, SWTPM_PLUGIN_STORAGE, name, error);
}

static void assert_contains(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL)
        fail_msg("wanted \"%s\" in: %s", wanted, text);
}

static void assert_refused(const char *directory, const char *name, const char *reason)
{
    struct error error;

    if (load_storage(directory, name, &error) != NULL)
        fail_msg("storage-%s.so was loaded, wanted: %s", name, reason);
    assert_contains(error.text, reason);
    assert_null(strchr(error.text, '\n'));
}

static void assert_loaded(const char *directory, const char *name)
{
    struct error error;

    const struct swtpm_plugin *plugin = load_storage(directory, name, &error);
    if (plugin == NULL)
        fail_msg("%s", error.text);
    assert_string_equal(plugin->name, name);
}

/* ------------------------------------------------------------------------------- names ------ */

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"dir", "a", "0", "a-b", "lmdb-2", "a--",
                                       "1234567890123456789012345678901"};
    static const char *const bad[] = {"",    "-a",    "A",     "a_b",      "a.b",    "../dir",
                                      "/x",  "a/b",   "dir ",  "d\xc3\xa4", "a\nb",  ".",
                                      "12345678901234567890123456789012"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(plugin_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(plugin_name_is_valid(bad[i]));
}

static void a_name_is_never_a_path(void **state)
{
    const struct places *places = *state;
    struct error error;

    assert_int_equal(mkdir(path_in(places->first, "sub"), 0755), 0);
    assert_int_equal(mkdir(path_in(places->first, "storage-sub"), 0755), 0);
    plugin_file_copy(places->first, "storage-mem.so", "storage-mem.so");
    plugin_file_copy(path_in(places->first, "storage-sub"), "storage-mem.so", "mem.so");
    assert_null(load_storage(places->first, "sub/mem", &error));
    assert_contains(error.text, "cannot be the name of a storage plugin");
    assert_null(load_storage(path_in(places->first, "sub"), "/../../storage-mem", &error));
    assert_contains(error.text, "cannot be the name");
    assert_null(load_storage(places->first, path_in(places->first, "storage-mem.so"), &error));
    assert_contains(error.text, "cannot be the name");
}

/* -------------------------------------------------------------------------------- good ------ */

static void a_good_plugin_is_loaded(void **state)
{
    const struct places *places = *state;
    struct error error;

    plugin_file_copy(places->first, "storage-mem.so", "storage-mem.so");
    const struct swtpm_plugin *plugin = load_storage(places->first, "mem", &error);
    if (plugin == NULL)
        fail_msg("%s", error.text);
    assert_string_equal(plugin->name, "mem");
    assert_int_equal(plugin->kind, SWTPM_PLUGIN_STORAGE);
    assert_int_equal(plugin->ops_size, sizeof(struct swtpm_storage_ops));
}

static void a_plugin_that_grew_or_exports_more_is_loaded(void **state)
{
    const struct places *places = *state;

    plugin_file_copy(places->first, "storage-grown.so", "storage-grown.so");
    plugin_file_copy(places->first, "storage-surplus-symbol.so", "storage-surplus-symbol.so");
    assert_loaded(places->first, "grown");
    assert_loaded(places->first, "surplus-symbol");
}

static void ops_of_any_size_become_ours(void **state)
{
    (void)state;
    const unsigned char plugin_ops[6] = {1, 2, 3, 4, 5, 6};
    unsigned char host_ops[8];

    memset(host_ops, 0xff, sizeof host_ops);
    plugin_ops_copy(host_ops, sizeof host_ops, plugin_ops, sizeof plugin_ops);
    assert_memory_equal(host_ops, "\1\2\3\4\5\6\0\0", 8);

    memset(host_ops, 0xff, sizeof host_ops);
    plugin_ops_copy(host_ops, 4, plugin_ops, sizeof plugin_ops);
    assert_memory_equal(host_ops, "\1\2\3\4\xff\xff\xff\xff", 8);
}

/* ----------------------------------------------------------------------------- refused ------ */

static void each_defect_is_refused_for_its_reason(void **state)
{
    const struct places *places = *state;
    static const struct {
        const char *name;
        const char *reason;
    } defects[] = {
        {"wrong-magic", "its magic number is 0x0000000000001234, wanted 0x535754504d504c47"},
        {"future-abi", "built for plugin ABI 2, wanted 1; install a newer version of this program"},
        {"ancient-abi", "built for plugin ABI 0, wanted 1; install a newer plugin"},
        {"wrong-kind", "its kind is 2 (crypto), wanted 1 (storage)"},
        {"unknown-kind", "its kind is 99 (unknown), wanted 1 (storage)"},
        {"short-ops", "bytes, too few for the op 'list' at"},
        {"missing-op", "it lacks the op 'list'"},
        {"no-ops", "it has no ops"},
        {"no-summary", "its summary is NULL"},
        {"no-system-calls", "its list of system calls is NULL"},
        {"wild-capabilities", "its capabilities are 0x100000000, wanted none above bit 31"},
        {"calls-host", "undefined symbol: defined_by_no_program"},
    };

    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        char file[64];
        snprintf(file, sizeof file, "storage-%s.so", defects[i].name);
        plugin_file_copy(places->first, file, file);
        assert_refused(places->first, defects[i].name, defects[i].reason);
        assert_refused(places->first, defects[i].name, path_in(places->first, file));
    }
}

static void a_file_of_another_name_is_refused(void **state)
{
    const struct places *places = *state;

    plugin_file_copy(places->first, "storage-mem.so", "storage-other.so");
    assert_refused(places->first, "other", "its name is 'mem', wanted 'other'");
}

static void nothing_of_a_file_without_descriptor_runs(void **state)
{
    const struct places *places = *state;

    plugin_file_copy(places->first, "storage-no-symbol.so", "storage-no-symbol.so");
    assert_refused(places->first, "no-symbol", "does not export the symbol 'swtpm_plugin'");
    assert_null(getenv("DEFECTIVE_PLUGIN_RAN"));

    /* The trace is a real one: what passes this check runs. */
    plugin_file_copy(places->first, "storage-wrong-magic.so", "storage-wrong-magic.so");
    assert_refused(places->first, "wrong-magic", "magic");
    assert_string_equal(getenv("DEFECTIVE_PLUGIN_RAN"), "wrong-magic");
}

static void a_file_exchanged_while_it_is_loaded_is_refused(void **state)
{
    const struct places *places = *state;

    plugin_file_copy(places->first, "storage-grown.so", "storage-grown.so");
    plugin_file_copy(places->first, "storage-grown.so", "another");
    setenv("DEFECTIVE_PLUGIN_MOVE_FROM", path_in(places->first, "another"), 1);
    setenv("DEFECTIVE_PLUGIN_MOVE_TO", path_in(places->first, "storage-grown.so"), 1);
    assert_refused(places->first, "grown", "it was changed while it was being loaded");
    unsetenv("DEFECTIVE_PLUGIN_MOVE_FROM");
}

static void what_is_no_shared_object_is_refused(void **state)
{
    const struct places *places = *state;
    char text[] = "this is not a plugin";
    const struct file_bytes bytes = {.data = (unsigned char *)text, .size = sizeof text};

    plugin_file_write(places->first, "storage-text.so", bytes);
    assert_refused(places->first, "text", "it is not an ELF file");
    plugin_file_write(places->first, "storage-empty.so", (struct file_bytes){0});
    assert_refused(places->first, "empty", "it is not an ELF file");
    assert_int_equal(mkdir(path_in(places->first, "storage-directory.so"), 0755), 0);
    assert_refused(places->first, "directory", "it is not a regular file");
    assert_int_equal(mkfifo(path_in(places->first, "storage-fifo.so"), 0644), 0);
    assert_refused(places->first, "fifo", "it is not a regular file");
}

static void a_file_cut_off_is_refused_before_it_is_loaded(void **state)
{
    const struct places *places = *state;
    struct file_bytes bytes = plugin_file_read("storage-mem.so");

    bytes.size /= 2;
    plugin_file_write(places->first, "storage-mem.so", bytes);
    assert_refused(places->first, "mem", "the file is cut off or damaged");
    free(bytes.data);
}

/* ------------------------------------------------------------------------------ search ------ */

static void the_first_directory_that_has_the_file_decides(void **state)
{
    const struct places *places = *state;
    char text[] = "bad";
    const struct file_bytes bad = {.data = (unsigned char *)text, .size = sizeof text};

    assert_int_equal(setenv("SWTPM_PLUGIN_DIR", places->second, 1), 0);
    plugin_file_copy(places->second, "storage-mem.so", "storage-mem.so");
    assert_loaded(places->first, "mem");
    assert_loaded(NULL, "mem");

    plugin_file_write(places->first, "storage-mem.so", bad);
    assert_refused(places->first, "mem", path_in(places->first, "storage-mem.so"));
    assert_int_equal(unlink(path_in(places->first, "storage-mem.so")), 0);
    assert_int_equal(symlink("/nowhere/at/all", path_in(places->first, "storage-mem.so")), 0);
    assert_refused(places->first, "mem", "No such file");
}

static void a_missing_plugin_names_the_places_searched(void **state)
{
    const struct places *places = *state;
    struct error error;

    assert_int_equal(setenv("SWTPM_PLUGIN_DIR", places->second, 1), 0);
    assert_null(load_storage(places->first, "nobody-wrote-this", &error));
    assert_contains(error.text, "there is no storage plugin 'nobody-wrote-this'");
    assert_contains(error.text, places->first);
    assert_contains(error.text, places->second);
    assert_contains(error.text, "/lib/swtpm-cuse'");
    assert_contains(error.text, "--plugin-dir");
}

static void a_relative_directory_is_refused(void **state)
{
    (void)state;
    struct error error;

    assert_null(load_storage("plugins", "mem", &error));
    assert_contains(error.text, "option --plugin-dir: the plugin directory 'plugins' is not an "
                                "absolute path");
    assert_int_equal(setenv("SWTPM_PLUGIN_DIR", "./plugins", 1), 0);
    assert_null(load_storage(NULL, "mem", &error));
    assert_contains(error.text, "SWTPM_PLUGIN_DIR");
    /* Set to nothing is as good as not set. */
    assert_int_equal(setenv("SWTPM_PLUGIN_DIR", "", 1), 0);
    assert_null(load_storage(NULL, "nobody-wrote-this", &error));
    assert_contains(error.text, "there is no storage plugin");
}

static void two_files_with_one_name_are_two_plugins(void **state)
{
    const struct places *places = *state;
    struct error error;

    plugin_file_copy(places->first, "storage-mem.so", "storage-mem.so");
    plugin_file_copy(places->second, "storage-mem.so", "storage-mem.so");
    const struct swtpm_plugin *first = load_storage(places->first, "mem", &error);
    const struct swtpm_plugin *second = load_storage(places->second, "mem", &error);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(load_storage(places->first, "mem", &error), first);
}

/* ------------------------------------------------------------------------------- trust ------ */

static void skip_unless_root(const char *test)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: %s: only root distrusts plugins of others\n", test);
    skip();
}

static void root_loads_nothing_that_others_can_write(void **state)
{
    const struct places *places = *state;
    const char *file = "storage-mem.so";

    skip_unless_root(__func__);
    plugin_file_copy(places->first, file, file);
    assert_int_equal(chmod(path_in(places->first, file), 0775), 0);
    assert_refused(places->first, "mem", "writable by others");
    assert_int_equal(chmod(path_in(places->first, file), 0755), 0);
    assert_int_equal(chmod(places->first, 01777), 0);
    assert_refused(places->first, "mem", "writable by others");
    assert_int_equal(chmod(places->first, 0755), 0);
    assert_int_equal(chown(path_in(places->first, file), 4711, 0), 0);
    assert_refused(places->first, "mem", "belongs to user 4711");
    assert_int_equal(chown(path_in(places->first, file), 0, 0), 0);
    assert_loaded(places->first, "mem");
}

static void a_link_is_trusted_if_both_its_ends_are(void **state)
{
    const struct places *places = *state;
    const char *file = "storage-mem.so";

    skip_unless_root(__func__);
    plugin_file_copy(places->second, file, "real.so");
    assert_int_equal(symlink(path_in(places->second, "real.so"), path_in(places->first, file)), 0);
    assert_loaded(places->first, "mem");
    assert_int_equal(chmod(places->second, 0777), 0);
    assert_refused(places->first, "mem", places->second);
    assert_int_equal(chmod(places->second, 0755), 0);
    assert_int_equal(chmod(places->first, 0777), 0);
    assert_refused(places->first, "mem", places->first);
}

/* In a child, which gives up root's rights. */
static void load_as_nobody(void *shared)
{
    const char *directory = shared;
    struct error error;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(2);
    _exit(load_storage(directory, "mem", &error) != NULL ? 0 : 1);
}

static void others_load_what_they_like(void **state)
{
    const struct places *places = *state;

    skip_unless_root(__func__);
    plugin_file_copy(places->first, "storage-mem.so", "storage-mem.so");
    assert_int_equal(chmod(places->first, 0777), 0);
    assert_refused(places->first, "mem", "writable by others");
    char *shared = child_shared(PATH_MAX);
    snprintf(shared, PATH_MAX, "%s", places->first);
    int status = child_run(load_as_nobody, shared);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* -------------------------------------------------------------------------- all plugins ------ */

/* What was visited in the test's own directories, one line each; others may be installed. */
struct visits {
    const struct places *places;
    char text[4096];
};

static void note_visit(void *context, enum swtpm_plugin_kind kind, const char *name,
                       const char *path, const struct swtpm_plugin *plugin, const char *reason)
{
    struct visits *visits = context;
    size_t used = strlen(visits->text);

    assert_int_equal(plugin == NULL, reason != NULL);
    if (strstr(path, visits->places->first) == NULL && strstr(path, visits->places->second) == NULL)
        return;
    snprintf(visits->text + used, sizeof visits->text - used, "%s %s %s %s\n",
             plugin_kind_name(kind), name, path, plugin != NULL ? plugin->version : reason);
}

static void all_plugins_are_visited_in_order_with_the_first_of_a_name(void **state)
{
    const struct places *places = *state;
    const struct plugin_search search = {.directory = places->first};
    struct visits visits = {.places = places};
    struct error error;
    char expected[2 * PATH_MAX];
    char text[] = "bad";
    const struct file_bytes bad = {.data = (unsigned char *)text, .size = sizeof text};

    assert_int_equal(setenv("SWTPM_PLUGIN_DIR", places->second, 1), 0);
    plugin_file_copy(places->first, "storage-mem.so", "storage-mem.so");
    plugin_file_copy(places->first, "crypto-echo.so", "crypto-echo.so");
    plugin_file_copy(places->second, "storage-odd.so", "storage-odd.so");
    plugin_file_write(places->second, "storage-bad.so", bad);
    static const char *const ignored[] = {
        "storage-.so",   "storage-A.so", "storage-x.so.1", "storage-x.la", "STORAGE-x.so",
        "network-x.so",  "storagex.so",  "storage-mem.so", "notes.txt",    "storage.so",
        "storage-12345678901234567890123456789012.so"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        plugin_file_write(places->second, ignored[i], bad);

    if (plugin_for_each(&search, note_visit, &visits, &error) != 0)
        fail_msg("%s", error.text);
    snprintf(expected, sizeof expected,
             "storage bad %s/storage-bad.so plugin '%s/storage-bad.so': it is not an ELF file, "
             "wanted a shared object\n"
             "storage mem %s/storage-mem.so 1.0\n"
             "storage odd %s/storage-odd.so 1.0\n"
             "crypto echo %s/crypto-echo.so 1.0\n",
             places->second, places->second, places->first, places->second, places->first);
    assert_string_equal(visits.text, expected);
}

static void directories_that_do_not_exist_hold_no_plugins(void **state)
{
    const struct places *places = *state;
    const char *missing = path_in(places->first, "missing");
    const struct plugin_search search = {.directory = missing};
    struct visits visits = {.places = places};
    struct error error;

    assert_int_equal(plugin_for_each(&search, note_visit, &visits, &error), 0);
    assert_string_equal(visits.text, "");
}

static void a_directory_that_cannot_be_read_is_an_error(void **state)
{
    const struct places *places = *state;
    const char *file = path_in(places->first, "file");
    const struct plugin_search search = {.directory = file};
    struct visits visits = {.places = places};
    struct error error;

    plugin_file_write(places->first, "file", (struct file_bytes){0});
    assert_int_equal(plugin_for_each(&search, note_visit, &visits, &error), -1);
    assert_contains(error.text, file);
    assert_contains(error.text, "Not a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_places, remove_places)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_checked),
        TEST(a_name_is_never_a_path),
        TEST(a_good_plugin_is_loaded),
        TEST(a_plugin_that_grew_or_exports_more_is_loaded),
        TEST(ops_of_any_size_become_ours),
        TEST(each_defect_is_refused_for_its_reason),
        TEST(a_file_of_another_name_is_refused),
        TEST(nothing_of_a_file_without_descriptor_runs),
        TEST(a_file_exchanged_while_it_is_loaded_is_refused),
        TEST(what_is_no_shared_object_is_refused),
        TEST(a_file_cut_off_is_refused_before_it_is_loaded),
        TEST(the_first_directory_that_has_the_file_decides),
        TEST(a_missing_plugin_names_the_places_searched),
        TEST(a_relative_directory_is_refused),
        TEST(two_files_with_one_name_are_two_plugins),
        TEST(root_loads_nothing_that_others_can_write),
        TEST(a_link_is_trusted_if_both_its_ends_are),
        TEST(others_load_what_they_like),
        TEST(all_plugins_are_visited_in_order_with_the_first_of_a_name),
        TEST(directories_that_do_not_exist_hold_no_plugins),
        TEST(a_directory_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
