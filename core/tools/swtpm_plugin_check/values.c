/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"

/* get, put, del and list. */

void check_value_sizes(const struct subject *subject)
{
    static const size_t sizes[] = {
        0,    1,    2,     511,   512,   2000,    4095,
        4096, 4097, 10000, 65535, 65536, 1000003, SWTPM_STORAGE_VALUE_MAX};
    struct store store = {0};
    uint64_t listed = 0;
    size_t found = 1;

    store_open_empty(&store, subject, 0);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        store_must_put(&store, "permall", i, sizes[i]);
        store_must_have(&store, "permall", i, sizes[i]);
        check_that(store_size(&store, "permall", &found) == 0 && found == sizes[i],
                   "the size of a value of %zu bytes is given as %zu", sizes[i], found);
        check_that(store_count(&store, "permall", &listed) == 1 && listed == sizes[i],
                   "list gives a value of %zu bytes the size %llu", sizes[i],
                   (unsigned long long)listed);
    }
    store_close(&store);
}

void check_value_too_large(const struct subject *subject)
{
    struct store store = {0};

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 100);
    int result = store_put(&store, "permall", 2, SWTPM_STORAGE_VALUE_MAX + 1, 0);
    check_that(result == SWTPM_PLUGIN_INVALID, "put of one byte more than the limit gave %s",
               result_name(result));
    store_must_have(&store, "permall", 1, 100);
    store_close(&store);
}

void check_put_replaces(const struct subject *subject)
{
    static const size_t sizes[] = {100, 5000, 100, 0, 70000, 1, 5000};
    struct store store = {0};

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "savestate", 99, 300);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t flags = i % 2 == 0 ? SWTPM_STORAGE_DURABLE : 0;
        check_that(store_put(&store, "permall", i, sizes[i], flags) == 0, "put failed: %s",
                   store.message);
        store_must_have(&store, "permall", i, sizes[i]);
        store_must_have(&store, "savestate", 99, 300);
    }
    store_close(&store);
}

void check_values_persist(const struct subject *subject)
{
    struct store store = {0};

    store_needs_lasting_values(subject);
    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 6000);
    check_that(store_put(&store, "volatilestate", 2, 60, 0) == 0, "put failed: %s", store.message);
    store_close(&store);
    store_open(&store, subject, 0);
    store_must_have(&store, "permall", 1, 6000);
    store_must_have(&store, "volatilestate", 2, 60);
    store_close(&store);
}

void check_get_size_only(const struct subject *subject)
{
    static const size_t sizes[] = {0, 1, 100000};
    struct store store = {0};

    store_open_empty(&store, subject, 0);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t found = sizes[i] + 1;
        store_must_put(&store, "permall", i, sizes[i]);
        int result = store_size(&store, "permall", &found);
        check_that(result == 0 && found == sizes[i], "for %zu bytes it gave %s and %zu", sizes[i],
                   result_name(result), found);
    }
    store_close(&store);
}

void check_get_too_small(const struct subject *subject)
{
    struct store store = {0};
    size_t found;
    bool matches;

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 1000);
    static const size_t capacities[] = {1, 500, 999};
    for (unsigned i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        int result = store_get(&store, "permall", capacities[i], 1, &found, &matches);
        check_that(result == SWTPM_PLUGIN_TOO_SMALL,
                   "get of 1000 bytes with a buffer of %zu gave %s", capacities[i],
                   result_name(result));
    }
    check_that(store_get(&store, "permall", 1000, 1, &found, &matches) == 0 && matches,
               "get with a buffer of just the right size failed");
    store_close(&store);
}

void check_get_missing(const struct subject *subject)
{
    struct store store = {0};
    size_t found;
    bool matches;

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 100);
    int sized = store_size(&store, "savestate", &found);
    int gotten = store_get(&store, "savestate", 100, 1, &found, &matches);
    check_that(sized == SWTPM_PLUGIN_NOT_FOUND && gotten == SWTPM_PLUGIN_NOT_FOUND,
               "get of a value that is not there failed otherwise");
    int deleted = store_delete(&store, "savestate", 0);
    check_that(deleted == SWTPM_PLUGIN_NOT_FOUND, "del of a value that is not there gave %s",
               result_name(deleted));
    store_close(&store);
}

void check_delete(const struct subject *subject)
{
    struct store store = {0};
    size_t found;

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "permall", 1, 5000);
    store_must_put(&store, "permall.bak", 2, 50);
    int result = store_delete(&store, "permall", SWTPM_STORAGE_DURABLE);
    check_that(result == 0, "del failed with %s: %s", result_name(result), store.message);
    check_that(store_size(&store, "permall", &found) == SWTPM_PLUGIN_NOT_FOUND,
               "get finds what was removed");
    check_that(store_delete(&store, "permall", 0) == SWTPM_PLUGIN_NOT_FOUND,
               "del removes a value twice");
    store_must_have(&store, "permall.bak", 2, 50);
    store_must_put(&store, "permall", 3, 10);
    store_must_have(&store, "permall", 3, 10);
    store_close(&store);
}

void check_valid_names(const struct subject *subject)
{
    static const char *const names[] = {
        "a",
        "0",
        "z9",
        "permall",
        "tpm2-00.permall",
        "a.",
        "a-",
        "a..b",
        "a--b",
        "lock",
        "0.0",
        "tmp",
        "data.mdb",
        "tmp2-00.permall",
        "abcdefghijklmnopqrstuvwxyz0123456789.-abcdefghijklmnopqrstuvwxyz"};
    enum { COUNT = sizeof names / sizeof names[0] };
    char longest[SWTPM_STORAGE_NAME_MAX + 1];
    struct store store = {0};

    store_open_empty(&store, subject, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(longest, sizeof longest, "%s", names[i]);
        store_must_put(&store, longest, i, 20 + i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(longest, sizeof longest, "%s", names[i]);
        store_must_have(&store, longest, i, 20 + i);
    }
    check_that(store_count(&store, NULL, NULL) == COUNT, "list does not visit each of %d values",
               COUNT);
    store_close(&store);
}

void check_hostile_names(const struct subject *subject)
{
    static const char *const names[] = {
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a/../../b",
        ".hidden",
        "-a",
        "A",
        "Permall",
        "a b",
        "a\n",
        "a%00",
        "%2e%2e",
        "a\\b",
        "a:b",
        "a_b",
        "\xc3\xa4",
        "a\x7f",
        "a*",
        "abcdefghijklmnopqrstuvwxyz0123456789.-abcdefghijklmnopqrstuvwxyz"};
    struct store store = {0};
    size_t found;

    store_open_empty(&store, subject, 0);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *name = names[i];
        int put = store_put(&store, name, 1, 10, 0);
        int got = store_size(&store, name, &found);
        int deleted = store_delete(&store, name, 0);
        check_that(put == SWTPM_PLUGIN_INVALID && got == SWTPM_PLUGIN_INVALID &&
                       deleted == SWTPM_PLUGIN_INVALID,
                   "the name '%s' is not refused as INVALID by put, get and del", name);
    }
    check_that(store_count(&store, NULL, NULL) == 0, "a refused put left a value behind");
    store_close(&store);
}

void check_list(const struct subject *subject)
{
    enum { COUNT = 100 };
    struct store store = {0};
    char name[32];

    store_open_empty(&store, subject, 0);
    check_that(store_count(&store, NULL, NULL) == 0, "list visits something in an empty store");
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "value-%u", i);
        check_that(store_put(&store, name, i, i * 10, 0) == 0, "put failed: %s", store.message);
    }
    check_that(store_lock(&store) == 0, "lock failed: %s", store.message);
    check_that(store_count(&store, NULL, NULL) == COUNT, "list visits other than the %d values",
               COUNT);
    for (unsigned i = 0; i < COUNT; i += 7) {
        uint64_t size = UINT64_MAX;
        snprintf(name, sizeof name, "value-%u", i);
        store_count(&store, name, &size);
        check_that(size == i * 10, "list gives '%s' the size %llu", name, (unsigned long long)size);
    }
    store_close(&store);
}

struct ended_listing {
    unsigned visits;
    int answer;
};

static int end_at_second(void *context, const char *name, uint64_t size)
{
    struct ended_listing *listing = context;

    (void)name;
    (void)size;
    return ++listing->visits == 2 ? listing->answer : 0;
}

void check_list_ended_by_visitor(const struct subject *subject)
{
    static const int answers[] = {1, 42, -1000, SWTPM_PLUGIN_DENIED};
    struct store store = {0};
    struct swtpm_plugin_error error;

    store_open_empty(&store, subject, 0);
    store_must_put(&store, "a", 1, 1);
    store_must_put(&store, "b", 1, 1);
    store_must_put(&store, "c", 1, 1);
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct ended_listing listing = {.answer = answers[i]};
        int result = store.ops->list(store.handle, end_at_second, &listing, &error);
        check_that(result == answers[i] && listing.visits == 2,
                   "the visitor answered %d at the second value; list went on to %u and gave %d",
                   answers[i], listing.visits, result);
    }
    store_close(&store);
}
