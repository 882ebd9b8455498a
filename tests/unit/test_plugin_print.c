/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/print.h"
#include "plugin_files.h"

/* Plugins may be installed where these tests run, so they look for what they put there. */
static char *directory;

static int make_directory(void **state)
{
    (void)state;
    directory = plugin_directory_make();
    plugin_file_copy(directory, "storage-mem.so", "storage-mem.so");
    plugin_file_copy(directory, "storage-dir.so", "storage-dir.so");
    plugin_file_copy(directory, "crypto-echo.so", "crypto-echo.so");
    plugin_file_copy(directory, "storage-mem.so", "storage-renamed.so");
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    plugin_directory_remove(directory);
    return 0;
}

/* Owned by the caller. */
static char *print(bool table)
{
    const struct plugin_search search = {.directory = directory};
    struct error error;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    if (plugins_print(&search, table, to, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(fclose(to), 0);
    return text;
}

/* That `text` holds `wanted`, in which each @ stands for the directory. */
static void assert_contains(const char *text, const char *wanted)
{
    char expanded[2048] = "";
    size_t used = 0;

    for (; *wanted != '\0'; wanted++) {
        if (*wanted == '@')
            used += (size_t)snprintf(expanded + used, sizeof expanded - used, "%s", directory);
        else
            expanded[used++] = *wanted;
        assert_true(used < sizeof expanded - 1);
        expanded[used] = '\0';
    }
    if (strstr(text, expanded) == NULL)
        fail_msg("wanted: %s\nin: %s", expanded, text);
}

static void json_tells_all_of_a_good_plugin(void **state)
{
    (void)state;
    char *text = print(false);

    assert_contains(text, "{ \"kind\": \"storage\", \"name\": \"mem\", "
                          "\"path\": \"@/storage-mem.so\", \"version\": \"1.0\", \"abi\": 1, "
                          "\"summary\": \"Values in memory, gone when the program ends\", "
                          "\"capabilities\": [ ], \"system_calls\": [ ] }");
    assert_contains(text, "\"name\": \"dir\", \"path\": \"@/storage-dir.so\"");
    assert_contains(text, "\"capabilities\": [ \"durable\", \"lock\" ], "
                          "\"system_calls\": [ \"openat\", ");
    assert_contains(text, "{ \"kind\": \"crypto\", \"name\": \"echo\", "
                          "\"path\": \"@/crypto-echo.so\", ");
    free(text);
}

static void json_tells_why_a_plugin_is_refused(void **state)
{
    (void)state;
    char *text = print(false);

    assert_contains(text, "{ \"kind\": \"storage\", \"name\": \"renamed\", "
                          "\"path\": \"@/storage-renamed.so\", "
                          "\"reason\": \"plugin '@/storage-renamed.so': its name is 'mem', "
                          "wanted 'renamed' by its file name; rename the file\" }");
    free(text);
}

static void json_is_one_object(void **state)
{
    (void)state;
    char *text = print(false);
    const char *beginning = "{ \"type\": \"swtpm\", \"plugins\": [ { \"kind\": \"";
    const char *end = " } ] }\n";

    assert_memory_equal(text, beginning, strlen(beginning));
    assert_string_equal(text + strlen(text) - strlen(end), end);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void the_table_is_for_people(void **state)
{
    (void)state;
    char *text = print(true);

    assert_contains(text, "storage  mem          1.0  Values in memory, gone when the program ends\n"
                          "                      @/storage-mem.so\n");
    assert_contains(text, "  Each value is a file in a directory (durable, lock)\n");
    assert_contains(text, "storage  renamed      REFUSED: plugin '@/storage-renamed.so': its name");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_tells_all_of_a_good_plugin),
        cmocka_unit_test(json_tells_why_a_plugin_is_refused),
        cmocka_unit_test(json_is_one_object),
        cmocka_unit_test(the_table_is_for_people),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
