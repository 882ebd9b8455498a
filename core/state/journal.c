/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/journal.h"

#include <string.h>

#include "util/text.h"

static const char first_line[] = "swtpm-state change 1";
static const char last_line[] = "end";

size_t journal_format(const struct journal *journal, char text[JOURNAL_SIZE_MAX])
{
    text[0] = '\0';
    text_append(text, JOURNAL_SIZE_MAX, "%s\n", first_line);
    for (size_t i = 0; i < journal->count; i++)
        text_append(text, JOURNAL_SIZE_MAX, "%s %s\n",
                    journal->entries[i].remove ? "remove" : "put", journal->entries[i].name);
    text_append(text, JOURNAL_SIZE_MAX, "%s\n", last_line);
    return strlen(text);
}

/* Takes a line off `rest`, without its newline.  False if there is no newline. */
static bool take_line(struct swtpm_bytes *rest, struct swtpm_bytes *line)
{
    const char *text = rest->data;
    const char *end = rest->size > 0 ? memchr(text, '\n', rest->size) : NULL;

    if (end == NULL)
        return false;
    *line = (struct swtpm_bytes){text, (size_t)(end - text)};
    *rest = (struct swtpm_bytes){end + 1, rest->size - line->size - 1};
    return true;
}

static bool line_is(struct swtpm_bytes line, const char *verb, const char *name)
{
    size_t verb_size = strlen(verb);
    const char *text = line.data;

    return line.size == verb_size + strlen(name) && memcmp(text, verb, verb_size) == 0 &&
           memcmp(text + verb_size, name, line.size - verb_size) == 0;
}

static bool has_entry(const struct journal *journal, const char *name)
{
    for (size_t i = 0; i < journal->count; i++)
        if (journal->entries[i].name == name)
            return true;
    return false;
}

static bool parse_entry(struct swtpm_bytes line, enum tpm_version version, struct journal *journal)
{
    for (size_t i = 0; i < STATE_VALUES; i++) {
        const char *name = state_value_name_at(version, i);
        bool remove = line_is(line, "remove ", name);
        if (!remove && !line_is(line, "put ", name))
            continue;
        if (has_entry(journal, name))
            return false;
        journal->entries[journal->count++] = (struct journal_entry){name, remove};
        return true;
    }
    return false;
}

int journal_parse(struct swtpm_bytes text, enum tpm_version version, struct journal *journal,
                  struct error *error)
{
    struct swtpm_bytes line;
    struct journal parsed = {0};
    unsigned number = 1;

    bool good = take_line(&text, &line) && line_is(line, first_line, "");
    for (; good && take_line(&text, &line); number++) {
        if (line_is(line, last_line, "") && text.size == 0) {
            *journal = parsed;
            return 0;
        }
        good = parse_entry(line, version, &parsed);
    }
    error_set(error, "line %u is not what was to stand there", number);
    return -1;
}
