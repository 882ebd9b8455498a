/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storage-lmdb on a damaged environment (libFuzzer).  The input is a list of edits to the data file
 * of a whole store, and the calls that are made on the result: each gives a result, a change of one
 * value changes no other, and no byte of the file makes LMDB, which trusts it, read or write where
 * it should not.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../../plugins/storage-lmdb/location.h"
#include "fuzz.h"
#include "lmdb_edits.h"
#include "lmdb_records.h"

#define OPS (swtpm_plugin.ops.storage)

enum { PAGE = LMDB_PAGE, CALLS_MAX = 24, VALUE_MAX = 20000, STORES_MAX = 64, PLACE_SIZE = 96 };

/* Bits of the first byte of an input; the lower ones choose a TPM and how it is opened. */
enum { LIST_BEFORE = 16, LIST_AMID = 32, OPEN_LISTED = 64 };

/* An input of that byte alone makes each number of the whole store wrong by one, and by a page. */
enum { NUDGE_EVERYTHING = 0xff };

static char directory[64];
static char data_file[96];
static uint8_t *pristine; /* the data file of the whole store */
static uint8_t *edited;   /* as large and one page more */
static size_t pristine_size;

static const char *const names[] = {"tpm2-00.permall", "tpm2-00.volatilestate", "a", "b", "c", "d",
                                    "e", "f", "g", "new"};
enum { NAMES = sizeof names / sizeof *names };

/* ------------------------------------------------------------------------- the whole store --- */

static struct swtpm_storage *open_location(const char *location, uint32_t flags,
                                           struct swtpm_plugin_error *error)
{
    struct swtpm_storage *storage = NULL;
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0600, .flags = flags};

    error->message[0] = '\0';
    int code = OPS->open(&storage, &parameters, error);
    MUST(code == 0 ? storage != NULL : error->message[0] != '\0');
    return code == 0 ? storage : NULL;
}

static struct swtpm_storage *open_store(const char *tpm, uint32_t flags,
                                        struct swtpm_plugin_error *error)
{
    char location[160];

    snprintf(location, sizeof location, "%s?tpm=%s&mapsize=4M", directory, tpm);
    return open_location(location, flags, error);
}

static int put(struct swtpm_storage *storage, unsigned name, size_t size, uint8_t fill)
{
    static uint8_t value[VALUE_MAX];
    struct swtpm_plugin_error error = {""};

    size %= VALUE_MAX;
    memset(value, fill, size);
    int code = OPS->put(storage, names[name % NAMES], (struct swtpm_bytes){value, size}, 0, &error);
    MUST(code == 0 || error.message[0] != '\0');
    return code;
}

/* Small and large values, two levels of pages, pages that are free again. */
static void make_whole_store(void)
{
    static const size_t sizes[] = {6000, 1900, 0, 100, 1200, 1300, 1400, 9000, 700, 1};
    struct swtpm_plugin_error error;

    for (int tpm = 0; tpm < 2; tpm++) {
        struct swtpm_storage *storage = open_store(tpm == 0 ? "a" : "b", SWTPM_STORAGE_CREATE,
                                                   &error);
        MUST(storage != NULL);
        for (unsigned i = 0; i < NAMES; i++)
            MUST(put(storage, i, sizes[i], (uint8_t)i) == 0);
        MUST(OPS->del(storage, "new", 0, &error) == 0);
        MUST(put(storage, 7, 3000, 1) == 0);
        OPS->close(storage);
    }
}

static void read_whole_store(void)
{
    int fd = open(data_file, O_RDONLY | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);

    MUST(size > 8 * PAGE && size % PAGE == 0);
    pristine_size = (size_t)size;
    pristine = malloc(pristine_size);
    edited = malloc(pristine_size + PAGE);
    MUST(pristine != NULL && edited != NULL && pread(fd, pristine, pristine_size, 0) == size);
    close(fd);
}

static void set_up(void)
{
    const char *parent = getenv("TMPDIR");

    if (pristine != NULL)
        return;
    snprintf(directory, sizeof directory, "%s/fuzz_lmdb.XXXXXX", parent != NULL ? parent : "/tmp");
    MUST(mkdtemp(directory) != NULL);
    snprintf(data_file, sizeof data_file, "%s/data.mdb", directory);
    make_whole_store();
    read_whole_store();
}

/* -------------------------------------------------------------------------------- edits ------ */

/* In place of the data file, whose name and inode stay. */
static void write_edited(size_t size)
{
    int fd = open(data_file, O_WRONLY | O_TRUNC | O_CLOEXEC);

    MUST(fd >= 0 && write(fd, edited, size) == (ssize_t)size);
    close(fd);
}

static void undo_edits(void)
{
    memcpy(edited, pristine, pristine_size);
    memset(edited + pristine_size, 0, PAGE);
}

static void edit(struct input *input)
{
    struct lmdb_image image = {.bytes = edited, .size = pristine_size};

    undo_edits();
    write_edited(lmdb_edit(input, &image));
}

/* -------------------------------------------------------------------------------- stores ----- */

static void name_place(char place[PLACE_SIZE])
{
    snprintf(place, PLACE_SIZE, "%s?mapsize=4M", directory);
}

static bool is_sound(void)
{
    char place[PLACE_SIZE];

    name_place(place);
    return lmdb_records_check(place);
}

struct stores {
    const char *place;
    char seen[STORES_MAX][sizeof directory + LOCATION_TPM_NAME_MAX + 32];
    unsigned count;
    bool may_open;
};

static bool have_seen(const struct stores *stores, const char *location)
{
    for (unsigned i = 0; i < stores->count && i < STORES_MAX; i++)
        if (strcmp(stores->seen[i], location) == 0)
            return true;
    return false;
}

static int visit_store(void *context, const char *location)
{
    struct stores *stores = context;
    struct swtpm_plugin_error error;

    MUST(strncmp(location, stores->place, strlen(stores->place)) == 0);
    MUST(strlen(location) < sizeof stores->seen[0] && !have_seen(stores, location));
    if (stores->count < STORES_MAX)
        strcpy(stores->seen[stores->count], location);
    stores->count++;
    struct swtpm_storage *storage =
        stores->may_open ? open_location(location, SWTPM_STORAGE_READ_ONLY, &error) : NULL;
    if (storage != NULL)
        OPS->close(storage);
    return 0;
}

static size_t read_data_file(uint8_t *to)
{
    int fd = open(data_file, O_RDONLY | O_CLOEXEC);
    ssize_t size = pread(fd, to, pristine_size + PAGE, 0);

    MUST(fd >= 0 && size >= 0);
    close(fd);
    return (size_t)size;
}

/* list_stores, which changes nothing; whether it succeeded. */
static bool list_stores(struct stores *stores)
{
    struct swtpm_plugin_error error = {""};
    uint8_t *before = malloc(pristine_size + PAGE);
    uint8_t *after = malloc(pristine_size + PAGE);

    MUST(before != NULL && after != NULL);
    size_t size = read_data_file(before);
    int code = OPS->list_stores(stores->place, visit_store, stores, &error);
    MUST(code == 0 || error.message[0] != '\0');
    MUST(read_data_file(after) == size && memcmp(before, after, size) == 0);
    free(before);
    free(after);
    return code == 0;
}

/* `known` is in use and has values; NULL: nothing is known. */
static void check_stores(const char *known, bool may_open)
{
    struct stores stores = {.may_open = may_open};
    char place[PLACE_SIZE], location[160];

    name_place(place);
    snprintf(location, sizeof location, "%s&tpm=%s", place, known != NULL ? known : "a");
    stores.place = place;
    if (list_stores(&stores) && known != NULL)
        MUST(have_seen(&stores, location));
    stores = (struct stores){.place = location};
    MUST(list_stores(&stores) && stores.count == 1 && have_seen(&stores, location));
}

/* -------------------------------------------------------------------------------- calls ------ */

static int get(struct swtpm_storage *storage, unsigned name, size_t room)
{
    struct swtpm_plugin_error error = {""};
    size_t size = SIZE_MAX;
    uint8_t *value = malloc(room + 1);

    MUST(value != NULL);
    int code = OPS->get(storage, names[name % NAMES], (struct swtpm_buffer){value, room}, &size,
                        &error);
    if (code == 0)
        MUST(room == 0 || size <= room);
    else
        MUST(size == SIZE_MAX && error.message[0] != '\0');
    free(value);
    return code;
}

static int check_listed(void *context, const char *name, uint64_t size)
{
    unsigned *count = context;

    MUST(strlen(name) >= 1 && strlen(name) <= SWTPM_STORAGE_NAME_MAX);
    MUST(size <= UINT32_MAX && ++*count < 100000);
    return 0;
}

struct value {
    int code;
    size_t size;
    uint8_t bytes[VALUE_MAX];
};

static void look_at(struct swtpm_storage *storage, unsigned name, struct value *value)
{
    struct swtpm_plugin_error error;

    value->size = 0;
    value->code = OPS->get(storage, names[name],
                           (struct swtpm_buffer){value->bytes, sizeof value->bytes}, &value->size,
                           &error);
}

/* What could be got before a change of another value can be got after it. */
static void check_others(struct swtpm_storage *storage, const struct value *before,
                         unsigned changed)
{
    static struct value after;

    for (unsigned i = 0; i < NAMES; i++) {
        if (i == changed % NAMES || before[i].code != 0)
            continue;
        look_at(storage, i, &after);
        MUST(after.code == 0 && after.size == before[i].size);
        MUST(memcmp(after.bytes, before[i].bytes, after.size) == 0);
    }
}

/* What was put can be got, however damaged the rest is. */
static void check_put(struct swtpm_storage *storage, unsigned name, size_t size, uint8_t fill)
{
    static uint8_t value[VALUE_MAX];
    struct swtpm_plugin_error error = {""};
    size_t got = 0;

    size %= VALUE_MAX;
    MUST(OPS->get(storage, names[name % NAMES], (struct swtpm_buffer){value, sizeof value}, &got,
                  &error) == 0);
    MUST(got == size);
    for (size_t i = 0; i < size; i++)
        MUST(value[i] == fill);
}

static void change(struct swtpm_storage *storage, bool removes, unsigned name, size_t size,
                   uint8_t fill)
{
    struct swtpm_plugin_error error = {""};
    static struct value before[NAMES];

    for (unsigned i = 0; i < NAMES; i++)
        look_at(storage, i, &before[i]);
    if (removes)
        OPS->del(storage, names[name % NAMES], 0, &error);
    else if (put(storage, name, size, fill) == 0)
        check_put(storage, name, size, fill);
    check_others(storage, before, name);
}

static void make_call(struct swtpm_storage *storage, struct input *input)
{
    struct swtpm_plugin_error error = {""};
    uint8_t kind = input_byte(input);
    unsigned name = input_byte(input);
    unsigned count = 0;

    switch (kind % 6) {
    case 0:
        OPS->list(storage, check_listed, &count, &error);
        break;
    case 1:
        change(storage, true, name, 0, 0);
        break;
    case 2:
        OPS->lock(storage, &error);
        break;
    case 3:
        get(storage, name, kind < 128 ? VALUE_MAX : input_byte(input));
        break;
    default:
        change(storage, false, name, input_16(input), kind);
    }
}

static void use(struct swtpm_storage *storage, const char *tpm, struct input *input, uint8_t choice)
{
    bool was_sound = is_sound();
    bool has_value = false;

    for (unsigned i = 0; i < NAMES; i++)
        has_value = get(storage, i, VALUE_MAX) == 0 || has_value;
    if (choice & LIST_AMID)
        check_stores(has_value ? tpm : NULL, choice & OPEN_LISTED);
    for (int i = 0; i < CALLS_MAX && input->size > 0; i++)
        make_call(storage, input);
    MUST(is_sound() || !was_sound);
}

/* -------------------------------------------------------------------- wrong by one or a page - */

enum { FLAGS_AT = 10 }; /* on a page */

/* What was let through, and a change of it: of pages that are taken for free somebody loses his. */
static void try_edited(size_t size)
{
    struct swtpm_plugin_error error;

    write_edited(size);
    struct swtpm_storage *storage = open_store("a", SWTPM_STORAGE_CREATE, &error);
    if (storage == NULL)
        return;
    bool was_sound = is_sound();
    /* The first one is at the end of the file: last, when free pages have become rare. */
    for (unsigned i = NAMES; i-- > 0;)
        change(storage, false, i, 12000, (uint8_t)i);
    MUST(is_sound() || !was_sound);
    OPS->close(storage);
}

static void nudge_each_way(uint8_t *number, size_t size, size_t file_size)
{
    for (uint8_t way = 0; way < 4; way++) {
        undo_edits();
        lmdb_nudge(number, size, way);
        try_edited(file_size);
    }
}

/* Of the records of a leaf that have pages of their own: how large they are, and where. */
static void nudge_leaf(uint8_t *page, size_t file_size)
{
    struct {
        uint16_t flags, lower, upper;
    } head;
    struct {
        uint32_t data_size;
        uint16_t flags, key_size;
    } node;
    uint16_t offset;

    memcpy(&head, pristine + (page - edited) + FLAGS_AT, sizeof head);
    if (head.flags != 2 || head.lower > head.upper || head.upper > PAGE)
        return;
    for (unsigned at = LMDB_PAGE_HEAD; at < head.lower; at += sizeof offset) {
        memcpy(&offset, pristine + (page - edited) + at, sizeof offset);
        memcpy(&node, pristine + (page - edited) + offset, sizeof node);
        if (node.flags != 1)
            continue;
        nudge_each_way(page + offset, sizeof node.data_size, file_size);
        nudge_each_way(page + offset + sizeof node + node.key_size, sizeof(uint64_t), file_size);
    }
}

static bool is_large_value(const uint8_t *page)
{
    uint16_t flags;

    memcpy(&flags, page + FLAGS_AT, sizeof flags);
    return flags == 4;
}

/* A value at the end of the file, where numbers that are wrong lead behind it. */
static void put_at_end(void)
{
    struct swtpm_plugin_error error;
    struct swtpm_storage *storage;

    undo_edits();
    write_edited(pristine_size);
    storage = open_store("a", SWTPM_STORAGE_CREATE, &error);
    MUST(storage != NULL && put(storage, 0, 15000, 1) == 0);
    OPS->close(storage);
}

/* In the file as it is, cut off by a page, and longer by one. */
static void nudge_numbers(void)
{
    for (size_t size = pristine_size - PAGE; size <= pristine_size + PAGE; size += PAGE) {
        for (unsigned meta = 0; meta < 2; meta++)
            nudge_each_way(edited + meta * PAGE + LMDB_LAST_PAGE_AT, sizeof(uint64_t), size);
        for (size_t page = 2 * PAGE; page < pristine_size; page += PAGE) {
            nudge_leaf(edited + page, size);
            if (size == pristine_size && is_large_value(pristine + page))
                nudge_each_way(edited + page, sizeof(uint64_t), size); /* its own number */
        }
        undo_edits();
        try_edited(size);
    }
}

static void nudge_everything(void)
{
    uint8_t *whole = pristine;
    size_t whole_size = pristine_size;

    put_at_end();
    free(edited);
    read_whole_store();
    nudge_numbers();
    free(pristine);
    free(edited);
    pristine = whole;
    pristine_size = whole_size;
    edited = malloc(pristine_size + PAGE);
    MUST(edited != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t flags[] = {SWTPM_STORAGE_CREATE, 0, SWTPM_STORAGE_READ_ONLY,
                                     SWTPM_STORAGE_CREATE};
    static const char *const tpms[] = {"a", "b", "a", "c"};
    struct input input = {data, size};
    struct swtpm_plugin_error error;

    set_up();
    if (size == 1 && data[0] == NUDGE_EVERYTHING) {
        nudge_everything();
        return 0;
    }
    uint8_t choice = input_byte(&input);
    const char *tpm = tpms[choice >> 2 & 3];
    edit(&input);
    if (choice & LIST_BEFORE)
        check_stores(NULL, choice & OPEN_LISTED);
    struct swtpm_storage *storage = open_store(tpm, flags[choice & 3], &error);
    if (storage == NULL)
        return 0;
    use(storage, tpm, &input, choice);
    OPS->close(storage);
    return 0;
}
