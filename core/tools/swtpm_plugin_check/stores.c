/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"
#include "tools/swtpm_plugin_check/tree.h"
#include "tools/swtpm_plugin_check/use.h"

/* swtpm_storage_ops.list_stores. */

enum { STORES = 5, SEED = 42 };

static void need_op(const struct subject *subject)
{
    if (!store_has_list_stores(subject))
        check_skip("it has no list_stores, so each location is that of one store");
}

static void need_place(const struct subject *subject)
{
    need_op(subject);
    if (subject->place == NULL)
        check_skip("no place of many stores was named; see --place");
    store_needs_lasting_values(subject);
}

static unsigned store_total(const struct subject *subject)
{
    return store_is_numbered(subject) ? STORES : 1;
}

/* Of the value by which a store can be told from all others, those of other checks included. */
static size_t size_of_mark(const struct subject *subject, unsigned index)
{
    return 3000 + subject->store_base / 1000 + index;
}

static void make_stores(const struct subject *subject)
{
    for (unsigned i = 0; i < store_total(subject); i++) {
        struct store store = {0};
        store_open_empty(&store, subject, i);
        store_must_put(&store, "permall", SEED, size_of_mark(subject, i));
        store_close(&store);
    }
}

/* What the visitor looks for, and what it does with it. */
struct search {
    const struct subject *subject;
    unsigned index;
    unsigned found;
    unsigned visits;
    bool use; /* with all ops */
};

static void open_visited(struct store *store, const struct search *search, const char *location,
                         uint32_t flags)
{
    int result = store_try_open_at(store, search->subject, location, flags, STORE_MODE);
    check_that(result == 0, "open of '%s', which was visited, gave %s: %s", location,
               result_name(result), store->message);
}

static void use_visited(const struct search *search, const char *location)
{
    struct store store = {0};

    open_visited(&store, search, location, 0);
    check_that(store_delete(&store, "permall", 0) == 0, "del failed: %s", store.message);
    use_store(&store);
    store_close(&store);
}

static int look(void *context, const char *location)
{
    struct search *search = context;
    struct store store = {0};

    search->visits++;
    open_visited(&store, search, location, SWTPM_STORAGE_READ_ONLY);
    bool found =
        store_has(&store, "permall", SEED, size_of_mark(search->subject, search->index));
    store_close(&store);
    search->found += found;
    if (found && search->use)
        use_visited(search, location);
    return 0;
}

/* Lists the place of the store `index`, in which that must be found once. */
static void find_store(const struct subject *subject, unsigned index, bool use)
{
    struct search search = {.subject = subject, .index = index, .use = use};
    struct store store = {0};
    char place[STORE_PATH_SIZE];

    store_place(subject, index, place);
    int result = store_list_stores(&store, subject, place, look, &search);
    check_that(result == 0, "list_stores of '%s' gave %s: %s", place, result_name(result),
               store.message);
    check_that(search.found == 1, "list_stores of '%s' visited a store %u times, of %u visits",
               place, search.found, search.visits);
}

void check_place_visited(const struct subject *subject)
{
    need_place(subject);
    make_stores(subject);
    for (unsigned i = 0; i < store_total(subject); i++)
        find_store(subject, i, false);
}

/* A store without values is one as well. */
void check_visited_stores_open(const struct subject *subject)
{
    struct search search = {.subject = subject};
    struct store store = {0};
    char place[STORE_PATH_SIZE];

    need_place(subject);
    for (unsigned i = 0; i < store_total(subject); i++) {
        store_open_empty(&store, subject, i);
        store_close(&store);
    }
    store_place(subject, 0, place);
    check_that(store_list_stores(&store, subject, place, look, &search) == 0,
               "list_stores failed: %s", store.message);
    check_that(search.visits > 0, "list_stores passes over stores that are empty");
}

static int count_visit(void *context, const char *location)
{
    (void)location;
    ++*(unsigned *)context;
    return 0;
}

void check_place_missing(const struct subject *subject)
{
    struct store store = {0};
    unsigned visits = 0;
    char place[STORE_PATH_SIZE];

    need_place(subject);
    if (strstr(subject->place, "{}") == NULL)
        check_skip("it takes a place that is not there; write {} into --place");
    store_place(subject, 0, place);
    int result = store_list_stores(&store, subject, place, count_visit, &visits);
    check_that(result == SWTPM_PLUGIN_NOT_FOUND && visits == 0,
               "list_stores of a place that is not there gave %s and %u visits",
               result_name(result), visits);
}

struct expectation {
    const char *location;
    unsigned visits;
};

static int expect_location(void *context, const char *location)
{
    struct expectation *expected = context;

    check_that(strcmp(location, expected->location) == 0,
               "list_stores of '%s' visited '%s', not what it was given", expected->location,
               location);
    expected->visits++;
    return 0;
}

static void visit_one(const struct subject *subject)
{
    struct store store = {0};
    char location[STORE_PATH_SIZE];
    struct expectation expected = {.location = location};

    store_location(subject, 0, location);
    check_that(store_list_stores(&store, subject, location, expect_location, &expected) == 0,
               "list_stores of '%s' failed: %s", location, store.message);
    check_that(expected.visits == 1, "list_stores of '%s' made %u visits", location,
               expected.visits);
}

void check_store_visited(const struct subject *subject)
{
    struct store store = {0};

    need_op(subject);
    visit_one(subject);
    store_open(&store, subject, 0);
    visit_one(subject);
    store_close(&store);
}

void check_list_stores_changes_nothing(const struct subject *subject)
{
    struct store store = {0};

    need_place(subject);
    make_stores(subject);
    store_open(&store, subject, 0);
    if (store.path_count == 0)
        check_skip("open announced no path where files could be looked at");
    store_close(&store);
    uint64_t before = tree_fingerprint(&store);
    find_store(subject, 0, false);
    check_that(tree_fingerprint(&store) == before,
               "a file of the store, or its mode or time of change, is not as it was");
    store_open(&store, subject, 0);
    check_that(store_lock(&store) == 0, "lock failed: %s", store.message);
    find_store(subject, 0, false);
    store_close(&store);
}

void check_list_stores_uses_ops(const struct subject *subject)
{
    need_place(subject);
    make_stores(subject);
    find_store(subject, 0, true);
}

static int end_at_first(void *context, const char *location)
{
    count_visit(context, location);
    return 42;
}

static void end_listing(const struct subject *subject, const char *location)
{
    struct swtpm_plugin_error error;
    unsigned visits = 0;

    int result =
        subject->plugin->ops.storage->list_stores(location, end_at_first, &visits, &error);
    check_that(result == 42 && visits == 1,
               "the visitor answered 42 at the first store; list_stores went on to %u and gave %d",
               visits, result);
}

void check_list_stores_ended_by_visitor(const struct subject *subject)
{
    char location[STORE_PATH_SIZE];

    need_op(subject);
    store_location(subject, 0, location);
    end_listing(subject, location);
    need_place(subject);
    make_stores(subject);
    store_place(subject, 0, location);
    end_listing(subject, location);
}
