/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/search.h"
#include "tools/command_line.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/options.h"
#include "tools/swtpm_plugin_check/tree.h"
#include "util/version.h"

/* swtpm-plugin-check: the table of checks as a TAP producer. */

enum { EXIT_USAGE = 2, STORES_OF_A_CHECK = 10000 };

static int complain(const struct error *error)
{
    fprintf(stderr, "swtpm-plugin-check: %s\n", error->text);
    return EXIT_USAGE;
}

static void print_list(void)
{
    for (size_t i = 0; i < check_count; i++)
        printf("%s\t%s\t%s\n", check_table[i].sentence, check_table[i].quote,
               check_table[i].what != NULL ? check_table[i].what : "");
}

/* ------------------------------------------------------------------------------------ the subject
 */

/* KIND-NAME.so; the name is cut out of `base`. */
static int split_file_name(char *base, struct subject *subject)
{
    static const struct {
        const char *prefix;
        enum swtpm_plugin_kind kind;
    } kinds[] = {{"storage-", SWTPM_PLUGIN_STORAGE}, {"crypto-", SWTPM_PLUGIN_CRYPTO}};
    size_t length = strlen(base);

    if (length <= 3 || strcmp(base + length - 3, ".so") != 0)
        return -1;
    base[length - 3] = '\0';
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(base, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            subject->kind = kinds[i].kind;
            subject->name = base + strlen(kinds[i].prefix);
            return 0;
        }
    return -1;
}

/* What the strings of the subject are cut from. */
struct subject_text {
    char directory[PATH_MAX];
    char file[2 * PATH_MAX];
    char base[PATH_MAX];
};

static int find_directory(const char *file, struct subject_text *text, struct error *error)
{
    char given[PATH_MAX];

    if (strlen(file) >= sizeof given) {
        error_set(error, "the path '%.100s' is too long", file);
        return -1;
    }
    strcpy(given, file);
    if (realpath(dirname(given), text->directory) == NULL) {
        error_set(error, "cannot find '%s': %s", file, strerror(errno));
        return -1;
    }
    strcpy(given, file);
    strcpy(text->base, basename(given));
    return 0;
}

/* The directory is resolved, the file is not: its name counts. */
static int find_subject(const struct options *options, struct subject_text *text,
                        struct subject *subject, struct error *error)
{
    if (find_directory(options->file, text, error) != 0)
        return -1;
    snprintf(text->file, sizeof text->file, "%s/%s", text->directory, text->base);
    if (access(text->file, R_OK) != 0) {
        error_set(error, "cannot read '%s': %s", text->file, strerror(errno));
        return -1;
    }
    if (split_file_name(text->base, subject) != 0) {
        error_set(error, "'%s' is not named like a plugin: storage-NAME.so or crypto-NAME.so",
                  options->file);
        return -1;
    }
    subject->directory = text->directory;
    subject->file = text->file;
    subject->place = options->place;
    subject->seccomp = options->seccomp;
    return 0;
}

static int load(struct subject *subject, struct error *error)
{
    const struct plugin_search search = {.directory = subject->directory};

    subject->plugin = plugin_load(&search, subject->kind, subject->name, error);
    return subject->plugin == NULL ? -1 : 0;
}

/* ---------------------------------------------------------------------------------------- running
 */

static bool is_wanted(const struct check *check, const struct subject *subject,
                      const struct options *options)
{
    enum check_kind own = subject->kind == SWTPM_PLUGIN_STORAGE ? CHECK_STORAGE : CHECK_CRYPTO;

    if (check->kind != CHECK_FILE && check->kind != own)
        return false;
    return options->only == NULL || fnmatch(options->only, check->sentence, 0) == 0;
}

/* A reason may have several lines, and in it what a plugin printed. */
static void print_reason(const char *reason)
{
    fputs("# ", stdout);
    for (const char *c = reason; *c != '\0'; c++) {
        if (*c == '\n' && c[1] != '\0')
            fputs("\n# ", stdout);
        else if (*c != '\n')
            putchar(isprint((unsigned char)*c) ? *c : '?');
    }
    putchar('\n');
}

static void print_result(unsigned number, const struct check *check, enum check_outcome outcome,
                         const char *reason)
{
    printf("%s %u - %s \"%s\"", outcome == CHECK_FAILED ? "not ok" : "ok", number, check->sentence,
           check->quote);
    if (check->what != NULL)
        printf(": %s", check->what);
    if (outcome == CHECK_SKIPPED)
        printf(" # SKIP %s", reason);
    putchar('\n');
    if (outcome == CHECK_FAILED)
        print_reason(reason);
    fflush(stdout);
}

struct totals {
    unsigned counts[3]; /* by enum check_outcome */
    unsigned number;
};

static void run_check(const struct check *check, struct subject *subject,
                      const struct options *options, struct totals *totals)
{
    char reason[CHECK_REASON_SIZE];

    subject->store_base = (unsigned)(check - check_table + 1) * STORES_OF_A_CHECK;
    enum check_outcome outcome = check_run(check, subject, options->timeout, reason);
    totals->counts[outcome]++;
    print_result(++totals->number, check, outcome, reason);
}

/* Whether there is a plugin and, if it is for storage, a store to check; else says why not. */
static bool is_ready(struct subject *subject, const struct options *options)
{
    static const struct check opening = {.run = check_location};
    char reason[CHECK_REASON_SIZE];
    struct error error;

    if (load(subject, &error) != 0) {
        printf("Bail out! %s\n", error.text);
        return false;
    }
    if (subject->kind != SWTPM_PLUGIN_STORAGE ||
        check_run(&opening, subject, options->timeout, reason) != CHECK_SKIPPED)
        return true;
    printf("Bail out! LOCATION '%s' makes no store: %s\n", subject->location, reason);
    return false;
}

static void run_checks(struct subject *subject, const struct options *options,
                       struct totals *totals)
{
    for (size_t i = 0; i < check_count; i++) {
        const struct check *check = &check_table[i];
        if (!is_wanted(check, subject, options))
            continue;
        if (check->kind != CHECK_FILE && subject->plugin == NULL && !is_ready(subject, options)) {
            totals->counts[CHECK_FAILED]++;
            return;
        }
        run_check(check, subject, options, totals);
    }
}

static unsigned count_wanted(const struct subject *subject, const struct options *options)
{
    unsigned count = 0;

    for (size_t i = 0; i < check_count; i++)
        count += is_wanted(&check_table[i], subject, options);
    return count;
}

static int check_plugin(struct subject *subject, const struct options *options)
{
    char directory[] = "/tmp/swtpm-plugin-check.XXXXXX";
    char location[sizeof directory + 8];
    struct totals totals = {0};
    struct error error;

    if (count_wanted(subject, options) == 0) {
        error_set(&error, "--only '%s' matches no sentence for this kind of plugin; --list shows "
                          "their marks", options->only);
        return complain(&error);
    }
    if (mkdtemp(directory) == NULL) {
        error_set(&error, "cannot make '%s': %s", directory, strerror(errno));
        return complain(&error);
    }
    snprintf(location, sizeof location, "%s/{}", directory);
    subject->location = options->location != NULL ? options->location : location;
    printf("TAP version 13\n1..%u\n", count_wanted(subject, options));
    run_checks(subject, options, &totals);
    tree_remove(directory);
    printf("# %u passed, %u failed, %u skipped\n", totals.counts[CHECK_PASSED],
           totals.counts[CHECK_FAILED], totals.counts[CHECK_SKIPPED]);
    int written = command_line_finish_output("swtpm-plugin-check");
    return totals.counts[CHECK_FAILED] > 0 ? EXIT_FAILURE : written;
}

int main(int argc, char **argv)
{
    struct options options;
    struct subject_text text;
    struct subject subject = {0};
    struct error error;

    if (options_parse(argc, argv, &options, &error) != 0)
        return complain(&error);
    if (options.help)
        options_print_help();
    else if (options.version)
        printf("swtpm-plugin-check %s\n", project_version);
    else if (options.list)
        print_list();
    else if (find_subject(&options, &text, &subject, &error) != 0)
        return complain(&error);
    else
        return check_plugin(&subject, &options);
    return command_line_finish_output("swtpm-plugin-check");
}
