/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/help.h"
#include "daemon/option_table.h"

static char *help_text;

static int write_help(void **state)
{
    size_t size;
    FILE *to = open_memstream(&help_text, &size);

    (void)state;
    help_print(to);
    return fclose(to);
}

static int free_help(void **state)
{
    (void)state;
    free(help_text);
    return 0;
}

static void it_fits_on_a_screen_and_a_half(void **state)
{
    (void)state;
    unsigned lines = 0;

    for (const char *line = help_text; *line != '\0'; lines++) {
        size_t length = strcspn(line, "\n");
        assert_true(length <= 80);
        assert_int_equal(line[length], '\n');
        line += length + 1;
    }
    assert_in_range(lines, 1, 72);
}

/* Whether `word` stands in the text with nothing but `ends` or white space behind it. */
static bool is_word_of(const char *text, const char *word, const char *ends)
{
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        char after = at[strlen(word)];
        bool starts = at > text && (at[-1] == ' ' || at[-1] == '\n');
        if (starts && (strchr(" \n", after) != NULL || strchr(ends, after) != NULL))
            return true;
    }
    return false;
}

static void every_option_and_sub_option_stands_in_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_description *option = &option_table[i];
        if (!is_word_of(help_text, option->name, ""))
            fail_msg("option %s is missing", option->name);
        const char *text = strstr(help_text, option->name);
        for (size_t j = 0; option->suboptions != NULL && j < option->suboptions->count; j++)
            if (!is_word_of(text, option->suboptions->suboptions[j].name, "="))
                fail_msg("option %s: %s is missing", option->name,
                         option->suboptions->suboptions[j].name);
    }
}

static void summaries_are_short_and_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_table_count; i++) {
        assert_in_range(strlen(option_table[i].summary), 1, 52);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(option_table[i].name, option_table[j].name);
            assert_true(option_table[i].short_name == 0 ||
                        option_table[i].short_name != option_table[j].short_name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fits_on_a_screen_and_a_half),
        cmocka_unit_test(every_option_and_sub_option_stands_in_it),
        cmocka_unit_test(summaries_are_short_and_names_are_unique),
    };
    return cmocka_run_group_tests(tests, write_help, free_help);
}
