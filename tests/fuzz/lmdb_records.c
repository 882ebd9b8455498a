/* SPDX-License-Identifier: BSD-3-Clause */
#include "lmdb_records.h"

#include "../../plugins/storage-lmdb/environment.h"
#include "fuzz.h"

enum { PAGE = 4096, PAGE_HEAD = 16, NODE_HEAD = 8, EXTENTS_MAX = 512 };

struct extent {
    uintptr_t start;
    size_t size;
};

struct extents {
    struct extent all[EXTENTS_MAX];
    size_t count;
};

/* Looks at each page of it: memory behind the end of the file gives SIGBUS. */
static void add_extent(struct extents *extents, const MDB_val *bytes)
{
    const volatile uint8_t *data = bytes->mv_data;

    for (size_t i = 0; i < bytes->mv_size; i += PAGE)
        (void)data[i];
    if (bytes->mv_size > 0)
        (void)data[bytes->mv_size - 1];
    if (bytes->mv_size > 0 && extents->count < EXTENTS_MAX)
        extents->all[extents->count++] = (struct extent){(uintptr_t)data, bytes->mv_size};
}

/* LMDB maps the file at the start of a page. */
static bool lies_in_page(const MDB_val *bytes, size_t page_size, size_t head)
{
    size_t at = (uintptr_t)bytes->mv_data % page_size;

    return at >= head && at + bytes->mv_size <= page_size;
}

static void add_record(struct extents *extents, const MDB_val *key, const MDB_val *data,
                       size_t page_size)
{
    bool has_pages_of_its_own = (uintptr_t)data->mv_data % page_size == PAGE_HEAD;

    if (page_size <= PAGE) {
        MUST(lies_in_page(key, page_size, PAGE_HEAD + NODE_HEAD));
        MUST(has_pages_of_its_own || lies_in_page(data, page_size, PAGE_HEAD + NODE_HEAD));
    }
    add_extent(extents, key);
    add_extent(extents, data);
}

static int by_start(const void *left, const void *right)
{
    const struct extent *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void must_not_overlap(struct extents *extents)
{
    struct extent *all = extents->all;

    qsort(all, extents->count, sizeof *all, by_start);
    for (size_t i = 1; i < extents->count; i++)
        MUST(all[i - 1].size <= all[i].start - all[i - 1].start);
}

static int walk(const struct records *records, void *context)
{
    struct extents *extents = context;
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val key, data;
    int status = record_check_all(records);

    if (status != 0)
        return status;
    extents->count = 0;
    MUST(mdb_stat(records->transaction, records->database, &stat) == 0);
    MUST(mdb_cursor_open(records->transaction, records->database, &cursor) == 0);
    while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0)
        add_record(extents, &key, &data, stat.ms_psize);
    mdb_cursor_close(cursor);
    return 0;
}

bool lmdb_records_check(const char *place)
{
    static struct extents extents;
    struct location location;
    struct environment *environment;
    struct swtpm_plugin_error error;
    bool sound = false;

    MUST(location_parse_place(place, 0, &location, &error) == 0);
    if (environment_acquire(&location, SWTPM_STORAGE_READ_ONLY, &environment, &error) == 0) {
        sound = environment_read(environment, walk, &extents, "look", &error) == 0;
        if (sound)
            must_not_overlap(&extents);
        environment_release(environment);
    }
    location_free(&location);
    return sound;
}
