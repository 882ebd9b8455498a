/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state/journal.h"

static struct error error;

/* Parses a copy in memory of its exact size. */
static int parse(const char *text, size_t size, struct journal *journal)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    int result =
        journal_parse((struct swtpm_bytes){copy, size}, TPM_VERSION_2_0, journal, &error);
    free(copy);
    return result;
}

static void what_is_written_is_parsed(void **state)
{
    (void)state;
    struct journal written = {.count = STATE_VALUES};
    struct journal read;
    char text[JOURNAL_SIZE_MAX];

    for (size_t i = 0; i < STATE_VALUES; i++)
        written.entries[i] =
            (struct journal_entry){state_value_name_at(TPM_VERSION_2_0, i), i % 2 == 1};
    size_t size = journal_format(&written, text);
    assert_int_equal(parse(text, size, &read), 0);
    assert_int_equal(read.count, STATE_VALUES);
    for (size_t i = 0; i < STATE_VALUES; i++) {
        assert_string_equal(read.entries[i].name, written.entries[i].name);
        assert_int_equal(read.entries[i].remove, written.entries[i].remove);
    }
}

static void every_shorter_part_is_refused(void **state)
{
    (void)state;
    static const char text[] = "swtpm-state change 1\nput tpm2-00.permall\nend\n";
    struct journal journal;

    assert_int_equal(parse(text, sizeof text - 1, &journal), 0);
    for (size_t size = 0; size < sizeof text - 1; size++)
        assert_int_equal(parse(text, size, &journal), -1);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "swtpm-state change 2\nend\n",
        "swtpm-state change 1\nput tpm-00.permall\nend\n",
        "swtpm-state change 1\nput tpm2-00.permall \nend\n",
        "swtpm-state change 1\nput ../../etc/passwd\nend\n",
        "swtpm-state change 1\nrename tpm2-00.permall\nend\n",
        "swtpm-state change 1\nput tpm2-00.permall\nremove tpm2-00.permall\nend\n",
        "swtpm-state change 1\n\nend\n",
        "swtpm-state change 1\nend\nend\n",
        "swtpm-state change 1\nend\n ",
    };
    struct journal journal = {.count = 99};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (parse(texts[i], strlen(texts[i]), &journal) != -1)
            fail_msg("%s", texts[i]);
        assert_non_null(strstr(error.text, "line "));
    }
    assert_int_equal(journal.count, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_parsed),
        cmocka_unit_test(every_shorter_part_is_refused),
        cmocka_unit_test(everything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
