/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storage-file on a file that somebody else wrote (libFuzzer).  The input is a list of calls and the
 * file's bytes.  Whatever the file holds, what could be read before a call can be read after it,
 * but for the value that the call is about.  The states of a file that the original made may be of
 * either TPM; the first change says of which.
 */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

#define OPS (swtpm_plugin.ops.storage)

static const char *const names[] = {
    "tpm-00.permall",        "tpm-00.volatilestate",  "tpm-00.savestate", "tpm2-00.permall",
    "tpm2-00.volatilestate", "tpm2-00.savestate",     "tpm2-00.change",   "tpm2-00.permall.bak",
    "x",                     "tpm2-00.permall.new"};

enum { NAMES = sizeof names / sizeof *names, STATES = 3, CALLS_MAX = 8, VALUE_MAX = 4096,
       ROOM = 32 * 1024 };

/* Bits of the first byte; the lower ones are the number of calls. */
enum { NEIGHBOURS = 0x40, READ_ONLY = 0x80 };

struct value {
    bool exists;
    size_t size;
    uint8_t *bytes;
};

static char path[96];

static void write_file(struct swtpm_bytes bytes)
{
    const char *parent = getenv("TMPDIR");

    if (path[0] == '\0')
        snprintf(path, sizeof path, "%s/fuzz_storage_file.%d", parent != NULL ? parent : "/tmp",
                 (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    close(fd);
}

static int agree_to_path(void *context, const char *announced, uint32_t access)
{
    (void)context;
    (void)announced;
    (void)access;
    return 0;
}

static struct swtpm_storage *open_store(uint32_t flags)
{
    const struct swtpm_storage_parameters parameters = {
        .location = path, .mode = 0600, .flags = flags, .announce_path = agree_to_path};
    struct swtpm_storage *storage = NULL;
    struct swtpm_plugin_error error = {""};

    int code = OPS->open(&storage, &parameters, &error);
    MUST(code == 0 ? storage != NULL : error.message[0] != '\0');
    return code == 0 ? storage : NULL;
}

/* ------------------------------------------------------------------------------- the table --- */

/* At byte 12 of the file: entries of offset, length and size, 4 bytes each, little-endian. */
enum { TABLE_SIZE = 192, ENTRIES_AT = 12, ENTRIES = 15, ENTRY_SIZE = 12 };

static void put_number(uint8_t *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

struct section {
    uint64_t start, length, end;
};

static uint32_t number_at(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static struct section section_at(const uint8_t *file, unsigned entry)
{
    const uint8_t *bytes = file + ENTRIES_AT + entry * ENTRY_SIZE;
    uint64_t start = number_at(bytes);

    return (struct section){start, number_at(bytes + 4), start + number_at(bytes + 8)};
}

/* A second look at what was opened (doc/state-format.md, section 8): all sections lie in the file,
 * behind the table and apart from each other. */
static void check_table(struct swtpm_bytes file)
{
    if (file.size == 0)
        return;
    MUST(file.size >= TABLE_SIZE);
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct section section = section_at(file.data, i);
        if (section.start == 0)
            continue;
        MUST(section.start >= TABLE_SIZE && section.end <= file.size);
        MUST(section.length <= section.end - section.start);
        for (unsigned j = 0; j < i; j++) {
            struct section other = section_at(file.data, j);
            MUST(other.start == 0 || other.end <= section.start || section.end <= other.start);
        }
    }
}

/* ------------------------------------------------------------------------ what can be read --- */

static void get(struct swtpm_storage *storage, const char *name, struct value *value)
{
    struct swtpm_plugin_error error = {""};
    size_t size = 0;

    *value = (struct value){.bytes = malloc(ROOM)};
    MUST(value->bytes != NULL);
    int code = OPS->get(storage, name, (struct swtpm_buffer){value->bytes, ROOM}, &size, &error);
    value->exists = code == 0;
    value->size = size;
    MUST(code == 0 ? size <= ROOM : size == 0 && error.message[0] != '\0');
}

static void get_all(struct swtpm_storage *storage, struct value values[NAMES])
{
    for (int i = 0; i < NAMES; i++)
        get(storage, names[i], &values[i]);
}

static void free_all(struct value values[NAMES])
{
    for (int i = 0; i < NAMES; i++)
        free(values[i].bytes);
}

static void must_be_equal(const struct value *a, const struct value *b)
{
    MUST(a->exists == b->exists && a->size == b->size);
    MUST(a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

struct listing {
    struct swtpm_storage *storage;
    struct value *values;
    unsigned count;
    bool seen[NAMES];
};

static int check_listed(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;

    MUST(strlen(name) >= 1 && strlen(name) <= SWTPM_STORAGE_NAME_MAX);
    MUST(size <= SWTPM_STORAGE_VALUE_MAX);
    for (int i = 0; i < NAMES; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        MUST(!listing->seen[i] && listing->values[i].exists && listing->values[i].size == size);
        listing->seen[i] = true;
    }
    return 0;
}

static void list(struct swtpm_storage *storage, struct value values[NAMES])
{
    struct listing listing = {.storage = storage, .values = values};
    struct swtpm_plugin_error error = {""};

    int code = OPS->list(storage, check_listed, &listing, &error);
    MUST(code == 0 || error.message[0] != '\0');
}

/* --------------------------------------------------------------------------------- calls ----- */

static int put(struct swtpm_storage *storage, unsigned name, size_t size, uint8_t fill,
               uint32_t flags)
{
    static uint8_t bytes[VALUE_MAX];
    struct swtpm_plugin_error error = {""};

    memset(bytes, fill, size);
    int code = OPS->put(storage, names[name], (struct swtpm_bytes){bytes, size}, flags, &error);
    MUST(code == 0 || error.message[0] != '\0');
    return code;
}

static void check_put(const struct value *value, size_t size, uint8_t fill)
{
    MUST(value->exists && value->size == size);
    for (size_t i = 0; i < size; i++)
        MUST(value->bytes[i] == fill);
}

/* One is a state of a TPM 1.2 and the other of a TPM 2. */
static bool have_different_owners(unsigned a, unsigned b)
{
    return a < 2 * STATES && b < 2 * STATES && a / STATES != b / STATES;
}

/* A change: what it did to its own value, and that it did nothing else. */
static void change(struct swtpm_storage *storage, bool removes, unsigned name, size_t size,
                   uint8_t fill)
{
    struct value before[NAMES];
    struct value after[NAMES];
    struct swtpm_plugin_error error = {""};

    get_all(storage, before);
    int code = removes ? OPS->del(storage, names[name], 0, &error)
                       : put(storage, name, size, fill, fill & 1);
    get_all(storage, after);
    for (unsigned i = 0; i < NAMES; i++) {
        if (code == 0 && have_different_owners(i, name))
            continue;
        if (i != name || code != 0)
            must_be_equal(&before[i], &after[i]);
        else if (removes)
            MUST(!after[i].exists);
        else
            check_put(&after[i], size, fill);
    }
    free_all(before);
    free_all(after);
}

static void make_call(struct swtpm_storage *storage, uint8_t kind, uint8_t argument)
{
    struct swtpm_plugin_error error = {""};
    unsigned name = argument % NAMES;

    switch (kind % 8) {
    case 0:
        OPS->lock(storage, &error);
        break;
    case 1:
        OPS->unlock(storage, &error);
        break;
    case 2:
    case 3:
        change(storage, true, name, 0, 0);
        break;
    case 4:
        change(storage, false, name, 0, 0);
        break;
    default:
        change(storage, false, name, (size_t)kind * kind % VALUE_MAX, argument);
    }
}

/* The file again, with each number of the table that is in use wrong by one. */
static void check_neighbours(struct swtpm_bytes file)
{
    uint8_t *copy = malloc(file.size);

    MUST(copy != NULL);
    memcpy(copy, file.data, file.size);
    for (unsigned i = 0; i < 3 * ENTRIES * 2; i++) {
        uint8_t *number = copy + ENTRIES_AT + i / 2 * 4;
        uint32_t value = number_at(number);
        if (section_at(file.data, i / 6).start == 0)
            continue;
        put_number(number, i % 2 == 0 ? value + 1 : value - 1);
        write_file((struct swtpm_bytes){copy, file.size});
        struct swtpm_storage *storage = open_store(SWTPM_STORAGE_READ_ONLY);
        if (storage != NULL) {
            check_table((struct swtpm_bytes){copy, file.size});
            OPS->close(storage);
        }
        put_number(number, value);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t head = input_byte(&input);
    struct swtpm_bytes calls = input_bytes(&input, (size_t)(head % CALLS_MAX) * 2);
    const uint8_t *call = calls.data;
    struct value values[NAMES];

    write_file((struct swtpm_bytes){input.data, input.size});
    struct swtpm_storage *storage =
        open_store(head & READ_ONLY ? SWTPM_STORAGE_READ_ONLY : SWTPM_STORAGE_CREATE);
    if (storage == NULL)
        return 0;
    check_table((struct swtpm_bytes){input.data, input.size});
    for (size_t i = 0; i + 1 < calls.size; i += 2)
        make_call(storage, call[i], call[i + 1]);
    get_all(storage, values);
    list(storage, values);
    free_all(values);
    OPS->close(storage);
    if (head & NEIGHBOURS && input.size >= TABLE_SIZE)
        check_neighbours((struct swtpm_bytes){input.data, input.size});
    return 0;
}
