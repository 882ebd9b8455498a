/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/suboptions.h"

#include <stdint.h>
#include <string.h>

#include "util/edit_distance.h"
#include "util/text.h"

/* One parse in progress. */
struct parse {
    const struct suboption_set *set;
    void *target;
    uint64_t given; /* bit i: suboptions[i] was given */
    struct error *error;
};

struct item {
    char *name;
    char *value; /* NULL: none */
};

/* The quote that ends the JSON string that starts at `quote`, or the final NUL. */
static char *end_of_json_string(char *quote)
{
    char *at = quote + 1;
    while (*at != '\0' && *at != '"')
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    return at;
}

/* The character after the brace that matches `open`; NULL if there is none. */
static char *end_of_braces(char *open)
{
    unsigned depth = 0;

    for (char *at = open; *at != '\0'; at++) {
        if (*at == '"')
            at = end_of_json_string(at);
        else if (*at == '{')
            depth++;
        else if (*at == '}' && --depth == 0)
            return at + 1;
        if (*at == '\0')
            break;
    }
    return NULL;
}

static int refuse_braces(const struct item *item, const char *reason, struct error *error)
{
    error_set(error, "sub-option '%s': %s", item->name, reason);
    return -1;
}

/* Cuts the next item off *rest, which is NULL after the last. */
static int next_item(char **rest, struct item *item, struct error *error)
{
    item->name = *rest;
    item->value = NULL;
    char *end = *rest + strcspn(*rest, ",=");
    if (*end == '=') {
        *end = '\0';
        item->value = end + 1;
        end = *item->value == '{' ? end_of_braces(item->value)
                                  : item->value + strcspn(item->value, ",");
        if (end == NULL)
            return refuse_braces(item, "the '{' has no matching '}'; close it", error);
        if (*end != '\0' && *end != ',')
            return refuse_braces(item, "after the '}' there must be a comma or nothing", error);
    }
    *rest = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    return 0;
}

static const struct suboption *find(const struct suboption_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->suboptions[i].name, name) == 0)
            return &set->suboptions[i];
    return NULL;
}

static const char *find_nearest(const struct suboption_set *set, const char *typed)
{
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    for (size_t i = 0; i < set->count; i++) {
        size_t distance = edit_distance(typed, set->suboptions[i].name);
        if (distance < nearest_distance && edit_distance_is_near(distance, typed)) {
            nearest = set->suboptions[i].name;
            nearest_distance = distance;
        }
    }
    return nearest;
}

static int refuse_unknown(const struct parse *parse, const char *name)
{
    char names[512] = "";
    const char *nearest = find_nearest(parse->set, name);

    for (size_t i = 0; i < parse->set->count; i++)
        text_append(names, sizeof names, "%s%s", i > 0 ? ", " : "", parse->set->suboptions[i].name);
    error_set(parse->error, "unknown sub-option '%s'%s%s%s; there are %s", name,
              nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "'?" : "", names);
    return -1;
}

static int parse_item(struct parse *parse, const struct item *item)
{
    const struct suboption *suboption = find(parse->set, item->name);
    if (suboption == NULL)
        return refuse_unknown(parse, item->name);
    uint64_t bit = UINT64_C(1) << (suboption - parse->set->suboptions);
    if ((parse->given & bit) != 0) {
        error_set(parse->error, "sub-option '%s' was given twice; give it once", item->name);
        return -1;
    }
    parse->given |= bit;
    if (option_value_parse(&suboption->value, item->value, parse->target, parse->error) != 0) {
        error_prefix(parse->error, "sub-option '%s': ", item->name);
        return -1;
    }
    return 0;
}

static int parse_items(struct parse *parse, char *text)
{
    struct item item;

    for (char *rest = text; rest != NULL;) {
        if (next_item(&rest, &item, parse->error) != 0)
            return -1;
        bool empty = item.name[0] == '\0' && item.value == NULL;
        if (!empty && parse_item(parse, &item) != 0)
            return -1;
    }
    return 0;
}

static bool is_given(const struct parse *parse, const char *name)
{
    const struct suboption *suboption = find(parse->set, name);
    return suboption != NULL && (parse->given >> (suboption - parse->set->suboptions) & 1) != 0;
}

static int refuse_contradiction(const struct parse *parse, const char *first, const char *second,
                                const char *reason)
{
    error_set(parse->error, "sub-options '%s' and '%s' contradict each other: %s", first, second,
              reason);
    return -1;
}

static int check_conflicts(const struct parse *parse)
{
    const struct suboption_conflict *conflict = parse->set->conflicts;

    for (; conflict != NULL && conflict->first != NULL; conflict++)
        if (is_given(parse, conflict->first) && is_given(parse, conflict->second))
            return refuse_contradiction(parse, conflict->first, conflict->second, conflict->reason);
    return 0;
}

static int refuse_absence(const struct parse *parse)
{
    char names[256] = "";

    for (const char *const *name = parse->set->alternatives; *name != NULL; name++)
        text_append(names, sizeof names, "%s'%s'", name == parse->set->alternatives ? "" : " or ",
                    *name);
    error_set(parse->error, "a sub-option is missing: give %s", names);
    return -1;
}

static int check_alternatives(const struct parse *parse)
{
    const char *chosen = NULL;

    for (const char *const *name = parse->set->alternatives; name != NULL && *name != NULL;
         name++) {
        if (!is_given(parse, *name))
            continue;
        if (chosen != NULL)
            return refuse_contradiction(parse, chosen, *name, "give one of them");
        chosen = *name;
    }
    return chosen == NULL && parse->set->needs_alternative ? refuse_absence(parse) : 0;
}

int suboptions_parse(const char *option, char *text, const struct suboption_set *set, void *target,
                     struct error *error)
{
    struct parse parse = {.set = set, .target = target, .error = error};

    if (parse_items(&parse, text) == 0 && check_alternatives(&parse) == 0 &&
        check_conflicts(&parse) == 0)
        return 0;
    error_prefix(error, "option %s: ", option);
    return -1;
}
