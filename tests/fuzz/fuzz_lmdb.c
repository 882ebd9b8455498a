/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storage-lmdb on a damaged environment (libFuzzer).  The input is a list of edits to the data file
 * of a whole store, and the calls that are made on the result: each gives a result, and no byte of
 * the file makes LMDB, which trusts it, read or write where it should not.
 */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

#define OPS (swtpm_plugin.ops.storage)

enum { PAGE = 4096, PAGE_HEAD = 16, META_SIZE = 152, EDITS_MAX = 24, CALLS_MAX = 24,
       VALUE_MAX = 20000 };

static char directory[64];
static char data_file[96];
static uint8_t *pristine; /* the data file of the whole store */
static uint8_t *edited;   /* as large and one page more */
static size_t pristine_size;

static const char *const names[] = {"tpm2-00.permall", "tpm2-00.volatilestate", "a", "b", "c", "d",
                                    "e", "f", "g", "new"};
enum { NAMES = sizeof names / sizeof *names };

/* ------------------------------------------------------------------------- the whole store --- */

static struct swtpm_storage *open_store(const char *tpm, uint32_t flags,
                                        struct swtpm_plugin_error *error)
{
    struct swtpm_storage *storage = NULL;
    char location[160];
    const struct swtpm_storage_parameters parameters = {
        .location = location, .mode = 0600, .flags = flags};

    snprintf(location, sizeof location, "%s?tpm=%s&mapsize=4M", directory, tpm);
    error->message[0] = '\0';
    int code = OPS->open(&storage, &parameters, error);
    MUST(code == 0 ? storage != NULL : error->message[0] != '\0');
    return code == 0 ? storage : NULL;
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

static void edit_bytes(struct input *input, size_t offset)
{
    size_t count = 1 + input_byte(input) % 8;

    for (size_t i = 0; i < count && offset + i < pristine_size; i++)
        edited[offset + i] = input_byte(input);
}

/* A node's header, or the first bytes of its key and data, by its number on the page. */
static void edit_node(struct input *input, uint8_t *page, uint8_t number)
{
    uint16_t offset;

    memcpy(&offset, page + PAGE_HEAD + 2 * (size_t)(number % 32), sizeof offset);
    edit_bytes(input, (size_t)(page - edited) + offset % PAGE + input_byte(input) % 24);
}

enum edit { EDIT_META, EDIT_PAGE_HEAD, EDIT_NODE, EDIT_POINTERS, EDIT_ANYWHERE, COPY_PAGE, ZERO_PAGE,
            RESIZE, EDIT_KINDS };

static void apply_edit(struct input *input, size_t *size)
{
    uint8_t kind = input_byte(input) % EDIT_KINDS;
    size_t pages = pristine_size / PAGE;
    size_t page = input_byte(input) % pages * PAGE;

    switch ((enum edit)kind) {
    case EDIT_META:
        edit_bytes(input, page % (2 * PAGE) + input_byte(input) % META_SIZE);
        break;
    case EDIT_PAGE_HEAD:
        edit_bytes(input, page + input_byte(input) % PAGE_HEAD);
        break;
    case EDIT_NODE:
        edit_node(input, edited + page, input_byte(input));
        break;
    case EDIT_POINTERS:
        edit_bytes(input, page + PAGE_HEAD + 2 * (size_t)(input_byte(input) % 32));
        break;
    case EDIT_ANYWHERE:
        edit_bytes(input, page + input_16(input) % PAGE);
        break;
    case COPY_PAGE:
        memmove(edited + page, edited + input_byte(input) % pages * PAGE, PAGE);
        break;
    case ZERO_PAGE:
        memset(edited + page, 0, PAGE);
        break;
    case RESIZE:
        *size = (page + input_16(input)) % (pristine_size + PAGE);
        break;
    case EDIT_KINDS:
        break;
    }
}

/* The edited file takes the place of the data file, whose name and inode stay. */
static void write_edited(struct input *input)
{
    size_t size = pristine_size;
    uint8_t edits = input_byte(input) % EDITS_MAX;

    memcpy(edited, pristine, pristine_size);
    memset(edited + pristine_size, 0, PAGE);
    for (uint8_t i = 0; i < edits && input->size > 0; i++)
        apply_edit(input, &size);
    int fd = open(data_file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    MUST(fd >= 0 && write(fd, edited, size) == (ssize_t)size);
    close(fd);
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

/* What was put can be got, however damaged the rest is. */
static void put_and_get(struct swtpm_storage *storage, unsigned name, size_t size, uint8_t fill)
{
    static uint8_t value[VALUE_MAX];
    struct swtpm_plugin_error error = {""};
    size_t got = 0;

    if (put(storage, name, size, fill) != 0)
        return;
    size %= VALUE_MAX;
    MUST(OPS->get(storage, names[name % NAMES], (struct swtpm_buffer){value, sizeof value}, &got,
                  &error) == 0);
    MUST(got == size);
    for (size_t i = 0; i < size; i++)
        MUST(value[i] == fill);
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
        OPS->del(storage, names[name % NAMES], 0, &error);
        break;
    case 2:
        OPS->lock(storage, &error);
        break;
    case 3:
        get(storage, name, kind < 128 ? VALUE_MAX : input_byte(input));
        break;
    default:
        put_and_get(storage, name, input_16(input), kind);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t flags[] = {SWTPM_STORAGE_CREATE, 0, SWTPM_STORAGE_READ_ONLY,
                                     SWTPM_STORAGE_CREATE};
    static const char *const tpms[] = {"a", "b", "a", "c"};
    struct input input = {data, size};
    struct swtpm_plugin_error error;

    set_up();
    uint8_t choice = input_byte(&input);
    write_edited(&input);
    struct swtpm_storage *storage = open_store(tpms[choice >> 2 & 3], flags[choice & 3], &error);
    if (storage == NULL)
        return 0;
    for (unsigned i = 0; i < NAMES; i++)
        get(storage, i, VALUE_MAX);
    for (int i = 0; i < CALLS_MAX && input.size > 0; i++)
        make_call(storage, &input);
    OPS->close(storage);
    return 0;
}
