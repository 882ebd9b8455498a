/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/command_line.h"
#include "tools/transport/endpoint.h"

struct settings {
    int constant;
    bool flag;
    char pair[64];
    struct endpoint endpoint;
};

static int take_pair(void *target, const struct command_line_option *option,
                     const char *const *values, struct error *error)
{
    struct settings *settings = target;

    if (strcmp(values[0], "bad") == 0) {
        error_set(error, "not good");
        return -1;
    }
    snprintf(settings->pair, sizeof settings->pair, "%s%s %s", option->name, values[0], values[1]);
    return 0;
}

static const struct command_line_option table[] = {
    {.name = "-c",
     .summary = "one",
     .take = command_line_set_constant,
     .offset = offsetof(struct settings, constant),
     .constant = 1},
    {.name = "-cs",
     .summary = "two\nlines",
     .take = command_line_set_constant,
     .offset = offsetof(struct settings, constant),
     .constant = 2},
    {.name = "--pair", .values = "A B", .summary = "three", .take = take_pair},
    {.name = "--unix",
     .values = "PATH",
     .summary = "four",
     .take = command_line_set_unix,
     .offset = offsetof(struct settings, endpoint)},
    {.name = "--assist",
     .summary = "five",
     .take = command_line_set_flag,
     .offset = offsetof(struct settings, flag)},
};

enum { COUNT = sizeof table / sizeof table[0], ARGUMENTS_MAX = 8 };

/* Parses words separated by blanks. */
static int parse(const char *line, struct settings *settings, const char **operand,
                 struct error *error)
{
    static char copy[200];
    char *argv[ARGUMENTS_MAX + 2] = {strdup("tool")};
    int argc = 1;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    char *name = argv[0];
    *settings = (struct settings){.constant = 0};
    int status = command_line_parse(argc, argv, table, COUNT, settings, operand, error);
    free(name);
    return status;
}

static void a_longer_name_is_another_option(void **state)
{
    struct settings settings;
    struct error error;

    (void)state;
    assert_int_equal(parse("-c", &settings, NULL, &error), 0);
    assert_int_equal(settings.constant, 1);
    assert_int_equal(parse("-cs", &settings, NULL, &error), 0);
    assert_int_equal(settings.constant, 2);
    assert_int_equal(parse("-cs -c --assist", &settings, NULL, &error), 0);
    assert_int_equal(settings.constant, 1);
    assert_true(settings.flag);
}

static void an_option_takes_its_values_whatever_they_look_like(void **state)
{
    struct settings settings;
    struct error error;
    const char *operand = "";

    (void)state;
    assert_int_equal(parse("--pair -c --unix", &settings, &operand, &error), 0);
    assert_string_equal(settings.pair, "--pair-c --unix");
    assert_int_equal(settings.constant, 0);
    assert_null(operand);
}

static void the_operand_may_stand_anywhere(void **state)
{
    struct settings settings;
    struct error error;
    const char *operand;

    (void)state;
    assert_int_equal(parse("here -c --unix s", &settings, &operand, &error), 0);
    assert_string_equal(operand, "here");
    assert_int_equal(parse("-c here --unix s", &settings, &operand, &error), 0);
    assert_string_equal(operand, "here");
    assert_int_equal(settings.endpoint.kind, ENDPOINT_UNIX);
}

static void expect_refusal(const char *line, const char **operand, const char *wanted)
{
    struct settings settings;
    struct error error = {.text = ""};

    assert_int_equal(parse(line, &settings, operand, &error), -1);
    assert_non_null(strstr(error.text, wanted));
}

static void what_is_wrong_is_named(void **state)
{
    const char *operand;

    (void)state;
    expect_refusal("--pear a b", &operand, "--pair");
    expect_refusal("--nothing", &operand, "--assist lists");
    expect_refusal("-z", &operand, "'-z'");
    expect_refusal("--pair", &operand, "A B");
    expect_refusal("--pair a", &operand, "A B");
    expect_refusal("--unix", &operand, "PATH");
    expect_refusal("-c=1", &operand, "no value");
    expect_refusal("--pair bad b", &operand, "option --pair: not good");
    expect_refusal("one two", &operand, "'two'");
    expect_refusal("one", NULL, "'one'");
}

static void help_shows_each_option_with_its_values(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    assert_non_null(to);
    command_line_print_options(to, table, COUNT);
    fclose(to);
    assert_string_equal(text, "  -c                    one\n"
                              "  -cs                   two\n"
                              "                        lines\n"
                              "  --pair A B            three\n"
                              "  --unix PATH           four\n"
                              "  --assist              five\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_longer_name_is_another_option),
        cmocka_unit_test(an_option_takes_its_values_whatever_they_look_like),
        cmocka_unit_test(the_operand_may_stand_anywhere),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(help_shows_each_option_with_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
