/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/descriptor.h"
#include "tools/swtpm_plugin_check/allocation.h"
#include "tools/swtpm_plugin_check/trace.h"

/* A value that no op sets. */
#define UNTOUCHED_SIZE ((size_t)0x5ca1ab1e)
enum { UNTOUCHED_BYTE = 0xa7, SCRIBBLE = 0x58 };

const char *result_name(int result)
{
    static const char *const names[] = {"success",   "NOT_FOUND", "TOO_SMALL", "BUSY",
                                        "DENIED",    "NO_SPACE",  "CORRUPT",   "UNSUPPORTED",
                                        "NO_MEMORY", "IO",        "INVALID",   "FENCED"};
    static char text[24];

    if (result <= 0 && result > -(int)(sizeof names / sizeof names[0]))
        return names[-result];
    snprintf(text, sizeof text, "%d", result);
    return text;
}

/* ---------------------------------------------------------------- rules that go for every call */

static void prepare(struct swtpm_plugin_error *error)
{
    memset(error, 'x', sizeof *error);
}

static void judge(struct store *store, const char *op, int result,
                  const struct swtpm_plugin_error *error)
{
    check_that(result <= 0 && result >= SWTPM_PLUGIN_FENCED,
               "%s returned %d, which is no code of enum swtpm_plugin_result", op, result);
    if (result == 0)
        return;
    size_t length = strnlen(error->message, sizeof error->message);
    check_that(length < sizeof error->message, "%s failed with %s and left no message", op,
               result_name(result));
    check_that(length > 0, "%s failed with %s and an empty message", op, result_name(result));
    check_that(error->message[length - 1] != '\n', "the message of %s ends with a newline", op);
    memcpy(store->message, error->message, length + 1);
}

/* What a check arranged for the ops alone, not for what surrounds them here. */
static void begin_op(const struct store *store)
{
    if (store->traced)
        trace_watch(true);
    allocation_begin(store->fail_allocation);
}

static void end_op(struct store *store)
{
    store->allocations = allocation_end();
    if (store->traced)
        trace_watch(false);
}

/* A copy that ends with the call: what is behind the pointer is gone afterwards. */
static char *lent(const char *text)
{
    char *copy = strdup(text);
    check_that(copy != NULL, "no memory");
    return copy;
}

static void take_back(char *text)
{
    memset(text, SCRIBBLE, strlen(text));
    free(text);
}

/* ------------------------------------------------------------------------------- open and close */

bool store_is_numbered(const struct subject *subject)
{
    return strstr(subject->location, "{}") != NULL;
}

void store_need_numbers(const struct subject *subject)
{
    if (!store_is_numbered(subject))
        check_skip("it takes new stores; write {} into LOCATION where a number makes it another");
}

static void fill_in(const char *pattern, unsigned number, char text[STORE_PATH_SIZE])
{
    const char *rest = pattern;
    size_t used = 0;

    for (const char *mark; (mark = strstr(rest, "{}")) != NULL && used < STORE_PATH_SIZE;
         rest = mark + 2)
        used += (size_t)snprintf(text + used, STORE_PATH_SIZE - used, "%.*s%u", (int)(mark - rest),
                                 rest, number);
    if (used < STORE_PATH_SIZE)
        used += (size_t)snprintf(text + used, STORE_PATH_SIZE - used, "%s", rest);
    check_that(used < STORE_PATH_SIZE, "the location is too long");
}

void store_location(const struct subject *subject, unsigned index, char text[STORE_PATH_SIZE])
{
    fill_in(subject->location, subject->store_base + index, text);
}

void store_place(const struct subject *subject, unsigned index, char text[STORE_PATH_SIZE])
{
    fill_in(subject->place, subject->store_base + index, text);
}

static int announce(void *context, const char *path, uint32_t access)
{
    struct store *store = context;

    check_that(path != NULL && strlen(path) < STORE_PATH_SIZE, "open announced no proper path");
    check_that(access != 0 && access <= (SWTPM_PATH_READ | SWTPM_PATH_WRITE),
               "open announced '%s' with access %#x", path, access);
    check_that(store->path_count < STORE_PATHS_MAX, "open announced more than %d paths",
               STORE_PATHS_MAX);
    struct announced_path *announced = &store->paths[store->path_count++];
    strcpy(announced->path, path);
    announced->access = access;
    return store->announce_result;
}

int store_try_open_at(struct store *store, const struct subject *subject, const char *text,
                      uint32_t flags, uint32_t mode)
{
    struct swtpm_plugin_error error;
    struct swtpm_storage *const untouched = (struct swtpm_storage *)&error;
    struct swtpm_storage *handle = untouched;

    store->ops = subject->plugin->ops.storage;
    store->path_count = 0;
    char *location = lent(text);
    struct swtpm_storage_parameters *parameters = malloc(sizeof *parameters);
    check_that(parameters != NULL, "no memory");
    *parameters = (struct swtpm_storage_parameters){.location = location,
                                                    .mode = mode,
                                                    .flags = flags,
                                                    .announce_path = announce,
                                                    .context = store};
    prepare(&error);
    begin_op(store);
    int result = store->ops->open(&handle, parameters, &error);
    end_op(store);
    take_back(location);
    memset(parameters, SCRIBBLE, sizeof *parameters);
    free(parameters);
    judge(store, "open", result, &error);
    check_that(result == 0 || handle == untouched, "open failed and set the handle");
    check_that(result != 0 || (handle != untouched && handle != NULL), "open set no handle");
    store->handle = result == 0 ? handle : NULL;
    return result;
}

int store_try_open(struct store *store, const struct subject *subject, unsigned index,
                   uint32_t flags, uint32_t mode)
{
    char text[STORE_PATH_SIZE];

    store_location(subject, index, text);
    return store_try_open_at(store, subject, text, flags, mode);
}

void store_open(struct store *store, const struct subject *subject, unsigned index)
{
    store->announce_result = 0;
    int result = store_try_open(store, subject, index, SWTPM_STORAGE_CREATE, STORE_MODE);
    check_that(result == 0, "open failed with %s: %s", result_name(result), store->message);
}

void store_close(struct store *store)
{
    begin_op(store);
    store->ops->close(store->handle);
    end_op(store);
    store->handle = NULL;
}

/* ------------------------------------------------------------------------------------- the ops */

static bool can(const struct swtpm_storage_ops *ops, enum swtpm_storage_capability capability)
{
    return (ops->capabilities & capability) != 0;
}

void store_needs_lasting_values(const struct subject *subject)
{
    if (!can(subject->plugin->ops.storage, SWTPM_STORAGE_CAN_BE_DURABLE))
        check_skip("it does not claim SWTPM_STORAGE_CAN_BE_DURABLE, so its values may go with "
                   "their handle");
}

static uint32_t possible_flags(const struct store *store, uint32_t flags)
{
    bool durable = can(store->ops, SWTPM_STORAGE_CAN_BE_DURABLE);
    return durable ? flags : flags & ~(uint32_t)SWTPM_STORAGE_DURABLE;
}

int store_lock(struct store *store)
{
    struct swtpm_plugin_error error;

    if (!can(store->ops, SWTPM_STORAGE_CAN_LOCK))
        return 0;
    prepare(&error);
    begin_op(store);
    int result = store->ops->lock(store->handle, &error);
    end_op(store);
    judge(store, "lock", result, &error);
    return result;
}

int store_unlock(struct store *store)
{
    struct swtpm_plugin_error error;

    prepare(&error);
    begin_op(store);
    int result = store->ops->unlock(store->handle, &error);
    end_op(store);
    judge(store, "unlock", result, &error);
    return result;
}

static unsigned char byte_of(unsigned seed, size_t index)
{
    return (unsigned char)((seed * 2654435761U >> 8) + index * 7 + index / 251);
}

static unsigned char *make_value(unsigned seed, size_t size)
{
    unsigned char *value = malloc(size + 1);

    check_that(value != NULL, "no memory for a value");
    for (size_t i = 0; i < size; i++)
        value[i] = byte_of(seed, i);
    return value;
}

static bool is_value(const unsigned char *data, unsigned seed, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte_of(seed, i))
            return false;
    return true;
}

int store_put(struct store *store, const char *name, unsigned seed, size_t size, uint32_t flags)
{
    struct swtpm_plugin_error error;
    char *lent_name = lent(name);
    unsigned char *value = make_value(seed, size);

    prepare(&error);
    begin_op(store);
    int result = store->ops->put(store->handle, lent_name,
                                 (struct swtpm_bytes){size > 0 ? value : NULL, size},
                                 possible_flags(store, flags), &error);
    end_op(store);
    take_back(lent_name);
    check_that(is_value(value, seed, size), "put changed the value that it was given");
    memset(value, SCRIBBLE, size);
    free(value);
    judge(store, "put", result, &error);
    return result;
}

void store_must_put(struct store *store, const char *name, unsigned seed, size_t size)
{
    int result = store_put(store, name, seed, size, SWTPM_STORAGE_DURABLE);
    check_that(result == 0, "put of '%s' with %zu bytes failed with %s: %s", name, size,
               result_name(result), store->message);
}

int store_delete(struct store *store, const char *name, uint32_t flags)
{
    struct swtpm_plugin_error error;
    char *lent_name = lent(name);

    prepare(&error);
    begin_op(store);
    int result = store->ops->del(store->handle, lent_name, possible_flags(store, flags), &error);
    end_op(store);
    take_back(lent_name);
    judge(store, "del", result, &error);
    return result;
}

static void check_untouched(const unsigned char *data, size_t from, size_t to, const char *why)
{
    for (size_t i = from; i < to; i++)
        check_that(data[i] == UNTOUCHED_BYTE, "get wrote to the buffer %s, at byte %zu", why, i);
}

int store_get(struct store *store, const char *name, size_t capacity, unsigned seed, size_t *size,
              bool *matches)
{
    enum { BEHIND = 64 };
    struct swtpm_plugin_error error;
    char *lent_name = lent(name);
    unsigned char *data = malloc(capacity + BEHIND);
    size_t found = UNTOUCHED_SIZE;

    check_that(data != NULL, "no memory");
    memset(data, UNTOUCHED_BYTE, capacity + BEHIND);
    prepare(&error);
    begin_op(store);
    int result = store->ops->get(store->handle, lent_name,
                                 (struct swtpm_buffer){capacity > 0 ? data : NULL, capacity},
                                 &found, &error);
    end_op(store);
    take_back(lent_name);
    judge(store, "get", result, &error);
    check_untouched(data, capacity, capacity + BEHIND, "behind its end");
    if (result != 0) {
        check_untouched(data, 0, capacity, "and failed");
        check_that(found == UNTOUCHED_SIZE, "get failed and set the size");
    } else {
        check_that(found != UNTOUCHED_SIZE, "get succeeded and set no size");
        check_that(capacity == 0 || found <= capacity, "get gave a size beyond the buffer");
        *size = found;
        *matches = capacity == 0 || is_value(data, seed, found);
    }
    free(data);
    return result;
}

int store_size(struct store *store, const char *name, size_t *size)
{
    bool matches;
    return store_get(store, name, 0, 0, size, &matches);
}

bool store_has(struct store *store, const char *name, unsigned seed, size_t size)
{
    size_t found;
    bool matches;
    int result = store_get(store, name, size + 1, seed, &found, &matches);

    if (result == SWTPM_PLUGIN_TOO_SMALL || result == SWTPM_PLUGIN_NOT_FOUND)
        return false;
    check_that(result == 0, "get of '%s' failed with %s: %s", name, result_name(result),
               store->message);
    return found == size && matches;
}

void store_must_have(struct store *store, const char *name, unsigned seed, size_t size)
{
    check_that(store_has(store, name, seed, size), "get of '%s' does not give the %zu bytes stored",
               name, size);
}

/* ---------------------------------------------------------------------------------------- list */

enum { LISTED_MAX = 256 };

struct listing {
    unsigned count;
    char names[LISTED_MAX][SWTPM_STORAGE_NAME_MAX + 1];
    const char *wanted;
    uint64_t *size;
};

static int remember(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;

    check_that(strlen(name) <= SWTPM_STORAGE_NAME_MAX, "list visits '%.80s', which is no name",
               name);
    check_that(listing->count < LISTED_MAX, "list visits more than %d values", LISTED_MAX);
    for (unsigned i = 0; i < listing->count; i++)
        check_that(strcmp(listing->names[i], name) != 0, "list visits '%s' twice", name);
    strcpy(listing->names[listing->count++], name);
    if (listing->wanted != NULL && strcmp(listing->wanted, name) == 0)
        *listing->size = size;
    return 0;
}

static int list_all(struct store *store, struct listing *listing)
{
    struct swtpm_plugin_error error;

    prepare(&error);
    begin_op(store);
    int result = store->ops->list(store->handle, remember, listing, &error);
    end_op(store);
    judge(store, "list", result, &error);
    return result;
}

int store_list(struct store *store, const char *name, unsigned *count, uint64_t *size)
{
    struct listing *listing = calloc(1, sizeof *listing);

    check_that(listing != NULL, "no memory");
    listing->wanted = name;
    listing->size = size;
    int result = list_all(store, listing);
    if (result == 0)
        *count = listing->count;
    free(listing);
    return result;
}

unsigned store_count(struct store *store, const char *name, uint64_t *size)
{
    unsigned count = 0;
    int result = store_list(store, name, &count, size);

    check_that(result == 0, "list failed with %s: %s", result_name(result), store->message);
    return count;
}

void store_open_empty(struct store *store, const struct subject *subject, unsigned index)
{
    struct listing *listing = calloc(1, sizeof *listing);

    check_that(listing != NULL, "no memory");
    store_open(store, subject, index);
    check_that(list_all(store, listing) == 0, "list failed: %s", store->message);
    for (unsigned i = 0; i < listing->count; i++)
        check_that(store_delete(store, listing->names[i], 0) == 0, "del of '%s' failed: %s",
                   listing->names[i], store->message);
    free(listing);
}

/* --------------------------------------------------------------------------------- list_stores */

bool store_has_list_stores(const struct subject *subject)
{
    struct swtpm_storage_ops ops;

    plugin_ops_copy(&ops, sizeof ops, subject->plugin->ops.storage, subject->plugin->ops_size);
    return ops.list_stores != NULL;
}

int store_list_stores(struct store *store, const struct subject *subject, const char *location,
                      swtpm_store_visitor visit, void *context)
{
    struct swtpm_plugin_error error;
    char *lent_location = lent(location);

    prepare(&error);
    begin_op(store);
    int result = subject->plugin->ops.storage->list_stores(lent_location, visit, context, &error);
    end_op(store);
    take_back(lent_location);
    judge(store, "list_stores", result, &error);
    return result;
}
