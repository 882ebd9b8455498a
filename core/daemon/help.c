/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/help.h"

#include <string.h>

#include "daemon/option_table.h"
#include "util/text.h"

enum { WIDTH = 79, SUMMARY_COLUMN = 28, SUBOPTION_COLUMN = 10 };

static const char *const group_titles[OPTION_GROUP_COUNT] = {
    [OPTION_GROUP_DEVICE] = "Device",
    [OPTION_GROUP_TPM] = "TPM",
    [OPTION_GROUP_STATE] = "State",
    [OPTION_GROUP_KEYS] = "Encryption",
    [OPTION_GROUP_PROCESS] = "Process",
    [OPTION_GROUP_LOGGING] = "Logs",
    [OPTION_GROUP_INFORMATION] = "Print on standard output and exit",
};

static void print_option(FILE *to, const struct option_description *option)
{
    char usage[64] = "";

    if (option->short_name != 0)
        text_append(usage, sizeof usage, "-%c, ", option->short_name);
    else
        text_append(usage, sizeof usage, "    ");
    text_append(usage, sizeof usage, "%s", option->name);
    if (option_takes_argument(option))
        text_append(usage, sizeof usage, " %s",
                    option->suboptions != NULL ? "LIST" : option->value.metavariable);
    fprintf(to, "  %-*s%s\n", SUMMARY_COLUMN - 2, usage, option->summary);
}

static void describe_suboption(const struct suboption *suboption, char *text, size_t size)
{
    const struct option_value_choice *choice = suboption->value.choices;

    text_append(text, size, "%s", suboption->name);
    if (!option_value_is_mandatory(&suboption->value))
        return;
    if (choice == NULL)
        text_append(text, size, "=%s", suboption->value.metavariable);
    for (const char *separator = "="; choice != NULL && choice->name != NULL; choice++) {
        text_append(text, size, "%s%s", separator, choice->name);
        separator = "|";
    }
}

static void print_suboptions(FILE *to, const struct suboption_set *set)
{
    int column = 0;

    for (size_t i = 0; i < set->count; i++) {
        char text[WIDTH] = "";
        describe_suboption(&set->suboptions[i], text, sizeof text);
        int width = (int)strlen(text);
        if (column == 0 || column + 1 + width > WIDTH) {
            fprintf(to, "%s%*s", column == 0 ? "" : "\n", SUBOPTION_COLUMN, "");
            column = SUBOPTION_COLUMN;
        } else {
            fputc(' ', to);
            column++;
        }
        fputs(text, to);
        column += width;
    }
    fputc('\n', to);
}

static void print_group(FILE *to, enum option_group group)
{
    fprintf(to, "\n%s:\n", group_titles[group]);
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].group != group)
            continue;
        print_option(to, &option_table[i]);
        if (option_table[i].suboptions != NULL)
            print_suboptions(to, option_table[i].suboptions);
    }
}

void help_print(FILE *to)
{
    fputs("usage: swtpm_cuse --name NAME [OPTION]...\n"
          "A software TPM behind the character device /dev/NAME.  LIST is name[=value],...\n"
          "A bare name of a switch means true; what is neither true nor 1 means false.\n",
          to);
    for (enum option_group group = 0; group < OPTION_GROUP_COUNT; group++)
        print_group(to, group);
    fputs("\nExample, as root; a client then uses /dev/vtpm0:\n"
          "  swtpm_cuse --name vtpm0 --tpm2 --tpmstate dir=/var/lib/vtpm0 \\\n"
          "             --flags startup-clear --log file=/var/log/vtpm0.log\n"
          "The manual page is swtpm_cuse(8).\n",
          to);
}
