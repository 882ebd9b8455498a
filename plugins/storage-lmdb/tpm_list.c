/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"
#include "directory.h"
#include "environment.h"
#include "location.h"
#include "record.h"

/* Names one behind the other, each with its NUL. */
struct names {
    char *text;
    size_t size;
    size_t room;
};

static int remember_name(void *context, const char *tpm)
{
    struct names *names = context;
    size_t length = strlen(tpm) + 1;

    if (names->room - names->size < length) {
        size_t room = names->room * 2 + LOCATION_TPM_NAME_MAX + 1;
        char *text = realloc(names->text, room);
        if (text == NULL)
            return ENOMEM;
        names->text = text;
        names->room = room;
    }
    memcpy(names->text + names->size, tpm, length);
    names->size += length;
    return 0;
}

static int collect_names(const struct records *records, void *context)
{
    struct names *names = context;

    names->size = 0;
    return record_tpm_list(records, remember_name, names);
}

static int check_all(const struct records *records, void *context)
{
    (void)context;
    return record_check_all(records);
}

/* The visitor opens TPMs and takes its time, so the transaction has ended. */
static int visit_names(const char *place, const struct names *names, swtpm_store_visitor visit,
                       void *context, struct swtpm_plugin_error *error)
{
    size_t length = strlen(place);
    char *location = malloc(length + sizeof "?tpm=" + LOCATION_TPM_NAME_MAX);
    int result = 0;

    if (location == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory to list TPMs");
    strcpy(location, place);
    strcpy(location + length, strchr(place, '?') == NULL ? "?tpm=" : "&tpm=");
    char *name = location + length + strlen("?tpm=");
    for (size_t at = 0; at < names->size && result == 0; at += strlen(names->text + at) + 1) {
        strcpy(name, names->text + at);
        result = visit(context, location);
    }
    free(location);
    return result;
}

static int visit_place(const struct location *parsed, const char *place, swtpm_store_visitor visit,
                       void *context, struct swtpm_plugin_error *error)
{
    struct names names = {0};
    struct environment *environment;
    int result = environment_acquire(parsed, SWTPM_STORAGE_READ_ONLY, &environment, error);

    if (result != 0)
        return directory_explain_denial(error, result, parsed->path);
    result = environment_read(environment, collect_names, &names, "list TPMs", error);
    if (result == 0)
        result = visit_names(place, &names, visit, context, error);
    /* Whoever uses a TPM has checked what leads to it; here is where all is looked at.  It comes
     * last, so that what is damaged does not hide what is not. */
    if (result == 0)
        result = environment_read(environment, check_all, NULL, "check all", error);
    free(names.text);
    /* Not before: the visitor's handles share what was opened and checked once. */
    environment_release(environment);
    return result;
}

int tpm_list(const char *location, swtpm_store_visitor visit, void *context,
             struct swtpm_plugin_error *error)
{
    struct location parsed;
    int result = location_parse_place(location, 0, &parsed, error);

    if (result != 0)
        return result;
    result = parsed.tpm != NULL ? visit(context, location)
                                : visit_place(&parsed, location, visit, context, error);
    location_free(&parsed);
    return result;
}
