/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/json.h"

static void assert_written(const char *text, const char *expected)
{
    char *written = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&written, &size);

    assert_non_null(to);
    json_write_string(to, text);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(written, expected);
    free(written);
}

static void plain_text_stays(void **state)
{
    (void)state;
    assert_written("", "\"\"");
    assert_written("/usr/lib/storage-dir.so", "\"/usr/lib/storage-dir.so\"");
}

static void what_json_reserves_is_escaped(void **state)
{
    (void)state;
    assert_written("a\"b\\c", "\"a\\\"b\\\\c\"");
    assert_written("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
    assert_written("\x01\x1f\x1b[2J\x7f", "\"\\u0001\\u001f\\u001b[2J\\u007f\"");
}

static void utf8_stays(void **state)
{
    (void)state;
    assert_written("\xc2\x80 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91 \xf4\x8f\xbf\xbf",
                   "\"\xc2\x80 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x94\x91 \xf4\x8f\xbf\xbf\"");
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    static const char *const bad_bytes[] = {"\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xff"};

    for (size_t i = 0; i < sizeof bad_bytes / sizeof bad_bytes[0]; i++)
        assert_written(bad_bytes[i], "\"\\ufffd\"");
    assert_written("\xc3", "\"\\ufffd\"");                       /* cut off */
    assert_written("\xe2\x82", "\"\\ufffd\\ufffd\"");            /* cut off */
    assert_written("\xc0\xaf", "\"\\ufffd\\ufffd\"");            /* overlong / */
    assert_written("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""); /* overlong / */
    assert_written("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
    assert_written("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_written("\xc3(", "\"\\ufffd(\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(what_json_reserves_is_escaped),
        cmocka_unit_test(utf8_stays),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
