/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/suboptions.h"

struct target {
    const char *text;
    const char *json;
    const char *limited;
    bool flag;
    bool other_flag;
    unsigned number;
    mode_t mode;
    int fd;
    unsigned choice;
};

static const struct option_value_choice colours[] = {{"red", 7}, {"green", 8}, {"rouge", 7}, {0}};

static const struct suboption suboptions[] = {
    {"text", OPTION_STRING(struct target, text, "TEXT")},
    {"json", OPTION_STRING(struct target, json, "JSON")},
    {"limited",
     {.type = OPTION_VALUE_STRING, .offset = offsetof(struct target, limited), .choices = colours}},
    {"flag", OPTION_BOOLEAN(struct target, flag)},
    {"other-flag", OPTION_BOOLEAN(struct target, other_flag)},
    {"number", OPTION_UNSIGNED(struct target, number, 65535)},
    {"mode", OPTION_MODE(struct target, mode)},
    {"fd", OPTION_FD(struct target, fd)},
    {"colour", OPTION_CHOICE(struct target, choice, colours)},
    {"eight", OPTION_CONSTANT(struct target, choice, 8)},
    {"ignored", {.type = OPTION_VALUE_NONE}},
};

static const struct suboption_conflict conflicts[] = {{"text", "number", "a text has no number"},
                                                      {0}};

static const char *const alternatives[] = {"text", "json", "fd", NULL};

static const struct suboption_set set = {.suboptions = suboptions,
                                         .count = sizeof suboptions / sizeof suboptions[0],
                                         .conflicts = conflicts};

static const struct suboption_set demanding_set = {.suboptions = suboptions,
                                                   .count =
                                                       sizeof suboptions / sizeof suboptions[0],
                                                   .alternatives = alternatives,
                                                   .needs_alternative = true};

static const struct suboption_set choosing_set = {.suboptions = suboptions,
                                                  .count = sizeof suboptions / sizeof suboptions[0],
                                                  .alternatives = alternatives};

/* What the last parse split; strings of the target point into it. */
static char text_of_parse[512];

static int parse_with(const struct suboption_set *which, const char *text, struct target *target,
                      struct error *error)
{
    *target = (struct target){.fd = -1};
    snprintf(text_of_parse, sizeof text_of_parse, "%s", text);
    return suboptions_parse("--test", text_of_parse, which, target, error);
}

static struct target parse(const char *text)
{
    struct target target;
    struct error error;

    if (parse_with(&set, text, &target, &error) != 0)
        fail_msg("'%s': %s", text, error.text);
    return target;
}

/* Each expected piece, separated by '|', must stand in the message. */
static void assert_refused_by(const struct suboption_set *which, const char *text,
                              const char *expected)
{
    struct target target;
    struct error error = {.text = ""};
    char pieces[256];

    assert_int_equal(parse_with(which, text, &target, &error), -1);
    assert_memory_equal(error.text, "option --test: ", 15);
    snprintf(pieces, sizeof pieces, "%s", expected);
    for (char *piece = strtok(pieces, "|"); piece != NULL; piece = strtok(NULL, "|"))
        if (strstr(error.text, piece) == NULL)
            fail_msg("'%s': '%s' does not say '%s'", text, error.text, piece);
}

static void assert_refused(const char *text, const char *expected)
{
    assert_refused_by(&set, text, expected);
}

static void an_empty_list_changes_nothing(void **state)
{
    (void)state;
    struct target target = parse("");
    assert_null(target.text);
    assert_false(target.flag);
    assert_int_equal(target.fd, -1);
}

static void empty_items_are_skipped(void **state)
{
    (void)state;
    struct target target = parse(",text=a,,flag,");
    assert_string_equal(target.text, "a");
    assert_true(target.flag);
}

static void every_type_is_stored_where_it_belongs(void **state)
{
    (void)state;
    struct target target = parse("text=a=b,flag,mode=0751,colour=green,limited=rouge,json={}");
    assert_string_equal(target.text, "a=b");
    assert_true(target.flag);
    assert_false(target.other_flag);
    assert_int_equal(target.mode, 0751);
    assert_int_equal(target.choice, 8);
    assert_string_equal(target.limited, "rouge");
    assert_string_equal(target.json, "{}");
    assert_int_equal(parse("number=65535").number, 65535);
    assert_int_equal(parse("fd=0").fd, 0);
}

static void a_boolean_is_true_only_when_bare_or_true_in_any_case_or_1(void **state)
{
    (void)state;
    assert_true(parse("flag").flag);
    assert_true(parse("flag=true").flag);
    assert_true(parse("flag=TRUE").flag);
    assert_true(parse("flag=1").flag);
    assert_false(parse("flag=false").flag);
    assert_false(parse("flag=0").flag);
    assert_false(parse("flag=").flag);
    assert_false(parse("flag=yes").flag);
    assert_false(parse("flag=trueish").flag);
}

static void a_json_value_runs_to_its_matching_brace(void **state)
{
    (void)state;
    struct target target = parse("json={\"a\":{\"b\":1},\"c\":[1,2]},flag");
    assert_string_equal(target.json, "{\"a\":{\"b\":1},\"c\":[1,2]}");
    assert_true(target.flag);
}

static void braces_and_quotes_in_json_strings_do_not_count(void **state)
{
    (void)state;
    struct target target = parse("json={\"}\":\"\\\"}\",\"{\":\"\\\\\"},flag");
    assert_string_equal(target.json, "{\"}\":\"\\\"}\",\"{\":\"\\\\\"}");
    assert_true(target.flag);
}

static void json_that_does_not_end_is_refused(void **state)
{
    (void)state;
    assert_refused("json={", "'json'|'{'|no matching '}'");
    assert_refused("json={\"a\":{},flag", "'json'|no matching '}'");
    assert_refused("json={\"}", "'json'|no matching '}'");
    assert_refused("json={\"\\", "'json'|no matching '}'");
    assert_refused("json={}x,flag", "'json'|after the '}'");
}

static void an_unknown_name_is_refused_with_a_suggestion(void **state)
{
    (void)state;
    assert_refused("colur=red", "'colur'|did you mean 'colour'|text, json");
    assert_refused("falg", "'falg'|did you mean 'flag'");
    assert_refused("something-else", "unknown sub-option 'something-else'; there are text,");
    assert_refused("=x", "unknown sub-option ''");
    assert_refused("FLAG", "unknown sub-option 'FLAG'");
}

static void a_bad_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "number=65536", "number=-1",   "number=+1", "number= 1",
        "number=1x",    "number=0x10", "number=",   "number=99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i], "sub-option 'number': '|is not a number from 0 to 65535");
}

static void a_bad_mode_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse("mode=0").mode, 0);
    assert_int_equal(parse("mode=777").mode, 0777);
    assert_refused("mode=01000", "'mode'|'01000'|octal");
    assert_refused("mode=08", "'mode'|'08'|octal");
    assert_refused("mode=rw", "'mode'|'rw'|octal");
    assert_refused("mode=", "'mode'|octal");
}

static void a_descriptor_that_is_not_open_is_refused(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char text[32];

    snprintf(text, sizeof text, "fd=%d", fd);
    assert_int_equal(parse(text).fd, fd);
    close(fd);
    assert_refused(text, "'fd'|is not open");
    assert_refused("fd=-1", "'-1' is not the number");
    assert_refused("fd=2147483648", "'2147483648' is not the number");
    assert_refused("fd=stdin", "'stdin' is not the number");
}

static void a_choice_outside_of_the_list_is_refused(void **state)
{
    (void)state;
    assert_refused("colour=blue", "'colour'|'blue'|red, green, rouge");
    assert_refused("colour=", "'colour'|red, green, rouge");
    assert_refused("limited=blue", "'limited'|'blue'|red, green, rouge");
    assert_refused("limited=", "'limited'|''|red, green, rouge");
    assert_refused("limited", "'limited'|needs a value");
}

static void a_missing_value_is_refused(void **state)
{
    (void)state;
    assert_refused("text", "'text'|needs a value|TEXT");
    assert_refused("text=", "'text'|empty|TEXT");
    assert_refused("colour", "'colour'|needs a value");
    assert_refused("number,flag", "'number'|needs a value");
}

static void a_name_given_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("flag,flag", "'flag' was given twice");
    assert_refused("number=1,flag,number=1", "'number' was given twice");
}

static void a_contradiction_is_refused(void **state)
{
    (void)state;
    assert_refused("number=1,text=a", "'text' and 'number'|a text has no number");
}

static void two_alternatives_are_refused(void **state)
{
    (void)state;
    struct target target;
    struct error error;

    assert_int_equal(parse_with(&choosing_set, "flag", &target, &error), 0);
    assert_int_equal(parse_with(&choosing_set, "json={},number=1", &target, &error), 0);
    assert_refused_by(&choosing_set, "json={},text=a", "'text' and 'json'|give one of them");
    assert_refused_by(&demanding_set, "fd=0,flag,json={}", "'json' and 'fd'|give one of them");
}

static void a_missing_mandatory_one_is_refused(void **state)
{
    (void)state;
    struct target target;
    struct error error;

    assert_refused_by(&demanding_set, "flag", "missing|'text' or 'json' or 'fd'");
    assert_refused_by(&demanding_set, "", "missing|'text' or 'json' or 'fd'");
    assert_int_equal(parse_with(&demanding_set, "fd=0", &target, &error), 0);
}

static void a_value_where_none_belongs_is_refused(void **state)
{
    (void)state;

    assert_int_equal(parse("eight,ignored").choice, 8);
    assert_refused_by(&set, "eight=8", "eight|takes no value|'8'|leave that out");
    assert_refused_by(&set, "ignored=yes", "ignored|takes no value|'yes'|leave that out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_changes_nothing),
        cmocka_unit_test(empty_items_are_skipped),
        cmocka_unit_test(every_type_is_stored_where_it_belongs),
        cmocka_unit_test(a_boolean_is_true_only_when_bare_or_true_in_any_case_or_1),
        cmocka_unit_test(a_json_value_runs_to_its_matching_brace),
        cmocka_unit_test(braces_and_quotes_in_json_strings_do_not_count),
        cmocka_unit_test(json_that_does_not_end_is_refused),
        cmocka_unit_test(an_unknown_name_is_refused_with_a_suggestion),
        cmocka_unit_test(a_bad_number_is_refused),
        cmocka_unit_test(a_bad_mode_is_refused),
        cmocka_unit_test(a_descriptor_that_is_not_open_is_refused),
        cmocka_unit_test(a_choice_outside_of_the_list_is_refused),
        cmocka_unit_test(a_missing_value_is_refused),
        cmocka_unit_test(a_value_where_none_belongs_is_refused),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(a_contradiction_is_refused),
        cmocka_unit_test(two_alternatives_are_refused),
        cmocka_unit_test(a_missing_mandatory_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
