/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

#include <endian.h>
#include <string.h>

#include "location.h"

enum { NUMBER_SIZE = 8, VALUE_KEY_HEAD = 1 + NUMBER_SIZE, CHECKSUM_SIZE = 8 };

struct format {
    char magic[8];
    uint64_t next_number; /* big-endian */
};

static const char format_magic[8] = {'s', 'w', 't', 'p', 'm', 'd', 'b', '1'};

struct key {
    size_t size;
    char bytes[VALUE_KEY_HEAD + LOCATION_TPM_NAME_MAX];
};

static MDB_val value_of(const void *data, size_t size)
{
    /* LMDB's structure has no const; what it is given here it only reads. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static struct key tpm_key(const char *tpm)
{
    struct key key = {.size = 1 + strlen(tpm), .bytes = {'T'}};
    memcpy(key.bytes + 1, tpm, key.size - 1);
    return key;
}

static struct key value_key(uint64_t number, const char *name)
{
    struct key key = {.size = VALUE_KEY_HEAD + strlen(name), .bytes = {'V'}};
    number = htobe64(number);
    memcpy(key.bytes + 1, &number, NUMBER_SIZE);
    memcpy(key.bytes + VALUE_KEY_HEAD, name, key.size - VALUE_KEY_HEAD);
    return key;
}

/* FNV-1a (draft-eastlake-fnv), but with eight bytes at a step, whose upper half is folded down so
 * that it counts in the steps to come.  Against accidents; forgery is what encryption is for. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static uint64_t mix_bytes(uint64_t hash, const char *bytes, size_t size)
{
    uint64_t word;

    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, le64toh(word));
    }
    word = 0;
    if (size > 0) /* an empty value may have no address */
        memcpy(&word, bytes, size);
    return mix(hash, le64toh(word) ^ (uint64_t)size << 56);
}

static uint64_t checksum(const struct key *key, const void *data, size_t size)
{
    uint64_t hash = mix_bytes(UINT64_C(0xcbf29ce484222325), key->bytes, key->size);
    return htobe64(mix_bytes(hash, data, size));
}

/* Checks first what LMDB is about to follow. */
static int checked_get(const struct records *records, unsigned extent, MDB_val *key, MDB_val *data)
{
    const struct verify_wish wish = {
        .key = key->mv_data, .key_size = key->mv_size, .extent = extent};
    int status = verify_records(records->snapshot, &wish);

    return status == 0 ? mdb_get(records->transaction, records->database, key, data) : status;
}

static int check_prefix(const struct records *records, const struct key *prefix, unsigned extent)
{
    const struct verify_wish wish = {
        .key = prefix->bytes, .key_size = prefix->size, .extent = VERIFY_PREFIX | extent};
    return verify_records(records->snapshot, &wish);
}

int record_check_all(const struct records *records)
{
    return check_prefix(records, &(struct key){.size = 0}, VERIFY_FREE_PAGES);
}

int record_tpm_check(const struct records *records, uint64_t number, bool for_change)
{
    const struct key head = value_key(number, "");
    return check_prefix(records, &head, for_change ? VERIFY_FREE_PAGES : 0);
}

static int format_read(const struct records *records, unsigned extent, struct format *format)
{
    MDB_val key = value_of("F", 1);
    MDB_val data;
    int status = checked_get(records, extent, &key, &data);

    if (status == MDB_NOTFOUND)
        return MDB_INCOMPATIBLE;
    if (status != 0)
        return status;
    if (data.mv_size != sizeof *format)
        return MDB_INCOMPATIBLE;
    memcpy(format, data.mv_data, sizeof *format);
    return memcmp(format->magic, format_magic, sizeof format_magic) == 0 ? 0 : MDB_INCOMPATIBLE;
}

static int format_put(MDB_txn *transaction, MDB_dbi database, uint64_t next_number)
{
    struct format format = {.next_number = htobe64(next_number)};
    MDB_val key = value_of("F", 1);
    MDB_val data = value_of(&format, sizeof format);

    memcpy(format.magic, format_magic, sizeof format.magic);
    return mdb_put(transaction, database, &key, &data, 0);
}

int record_format_write(MDB_txn *transaction, MDB_dbi database)
{
    return format_put(transaction, database, 1);
}

int record_format_check(const struct records *records)
{
    struct format format;
    return format_read(records, 0, &format);
}

static int find_tpm(const struct records *records, unsigned extent, const char *tpm,
                    uint64_t *number)
{
    struct key bytes = tpm_key(tpm);
    MDB_val key = value_of(bytes.bytes, bytes.size);
    MDB_val data;
    uint64_t found;
    int status = checked_get(records, extent, &key, &data);

    if (status != 0)
        return status;
    if (data.mv_size != sizeof found)
        return MDB_CORRUPTED;
    memcpy(&found, data.mv_data, sizeof found);
    found = be64toh(found);
    /* The number is an offset into the lock file, too. */
    if (found == 0 || found > INT64_MAX / 16)
        return MDB_CORRUPTED;
    *number = found;
    return 0;
}

int record_tpm_find(const struct records *records, const char *tpm, uint64_t *number)
{
    return find_tpm(records, 0, tpm, number);
}

int record_tpm_add(const struct records *records, const char *tpm, uint64_t *number)
{
    struct format format;
    int status = find_tpm(records, VERIFY_FREE_PAGES, tpm, number);

    if (status != MDB_NOTFOUND)
        return status;
    status = format_read(records, VERIFY_FREE_PAGES, &format);
    if (status != 0)
        return status;
    struct key bytes = tpm_key(tpm);
    MDB_val key = value_of(bytes.bytes, bytes.size);
    MDB_val data = value_of(&format.next_number, sizeof format.next_number);
    status = mdb_put(records->transaction, records->database, &key, &data, MDB_NOOVERWRITE);
    if (status != 0)
        return status;
    *number = be64toh(format.next_number);
    return format_put(records->transaction, records->database, *number + 1);
}

int record_value_get(const struct records *records, uint64_t number, const char *name,
                     struct swtpm_buffer buffer, size_t *size)
{
    struct key bytes = value_key(number, name);
    MDB_val key = value_of(bytes.bytes, bytes.size);
    MDB_val data;
    int status = checked_get(records, 0, &key, &data);

    if (status != 0)
        return status;
    if (data.mv_size < CHECKSUM_SIZE || data.mv_size - CHECKSUM_SIZE > SWTPM_STORAGE_VALUE_MAX)
        return MDB_CORRUPTED;
    const char *value = (const char *)data.mv_data + CHECKSUM_SIZE;
    size_t value_size = data.mv_size - CHECKSUM_SIZE;
    if (buffer.size > 0) {
        uint64_t expected = checksum(&bytes, value, value_size);
        if (value_size > buffer.size)
            return SWTPM_PLUGIN_TOO_SMALL;
        if (memcmp(data.mv_data, &expected, CHECKSUM_SIZE) != 0)
            return MDB_CORRUPTED;
        memcpy(buffer.data, value, value_size);
    }
    *size = value_size;
    return 0;
}

/* Checks what is there, if anything, before LMDB frees its pages.  The lists of free pages may name
 * no page of this TPM, lest the change of one value overwrite another. */
static int check_replaceable(const struct records *records, uint64_t number, unsigned extent,
                             MDB_val key)
{
    const struct key head = value_key(number, "");
    MDB_val data;
    MDB_stat stat;
    MDB_cursor *cursor;
    int status = check_prefix(records, &head, extent | VERIFY_FREE_PAGES);

    if (status == 0)
        status = mdb_cursor_open(records->transaction, records->database, &cursor);
    if (status != 0)
        return status;
    status = mdb_cursor_get(cursor, &key, &data, MDB_SET_KEY);
    if (status == 0)
        status = mdb_stat(records->transaction, records->database, &stat);
    mdb_cursor_close(cursor);
    if (status != 0)
        return status == MDB_NOTFOUND ? 0 : status;
    return verify_value(key.mv_data, key.mv_size, data.mv_data, data.mv_size, stat.ms_psize)
               ? 0
               : MDB_CORRUPTED;
}

int record_value_put(const struct records *records, uint64_t number, const char *name,
                     struct swtpm_bytes value)
{
    struct key bytes = value_key(number, name);
    MDB_val key = value_of(bytes.bytes, bytes.size);
    MDB_val data = {.mv_size = CHECKSUM_SIZE + value.size};
    int status = check_replaceable(records, number, 0, key);

    if (status == 0)
        status = mdb_put(records->transaction, records->database, &key, &data, MDB_RESERVE);
    if (status != 0)
        return status;
    uint64_t sum = checksum(&bytes, value.data, value.size);
    memcpy(data.mv_data, &sum, CHECKSUM_SIZE);
    if (value.size > 0)
        memcpy((char *)data.mv_data + CHECKSUM_SIZE, value.data, value.size);
    return 0;
}

int record_value_delete(const struct records *records, uint64_t number, const char *name)
{
    struct key bytes = value_key(number, name);
    MDB_val key = value_of(bytes.bytes, bytes.size);
    int status = check_replaceable(records, number, VERIFY_NEIGHBOURS, key);

    return status == 0 ? mdb_del(records->transaction, records->database, &key, NULL) : status;
}

/* `rest` is what stands in a key behind its head, as a string. */
typedef int (*key_visitor)(void *context, const char *rest, const MDB_val *data);

static int visit_key(const struct key *head, const MDB_val *key, const MDB_val *data,
                     key_visitor visit, void *context)
{
    char rest[LOCATION_TPM_NAME_MAX + 1];
    size_t length = key->mv_size - head->size;

    if (length == 0 || length > LOCATION_TPM_NAME_MAX)
        return MDB_CORRUPTED;
    memcpy(rest, (const char *)key->mv_data + head->size, length);
    rest[length] = '\0';
    return strlen(rest) == length ? visit(context, rest, data) : MDB_CORRUPTED;
}

/* Visits all records whose keys begin with `head`, and looks at no other. */
static int visit_keys(const struct records *records, const struct key *head, key_visitor visit,
                      void *context)
{
    MDB_val key = value_of(head->bytes, head->size);
    MDB_val data;
    MDB_cursor *cursor;
    int status = check_prefix(records, head, 0);

    if (status == 0)
        status = mdb_cursor_open(records->transaction, records->database, &cursor);
    if (status != 0)
        return status;
    for (size_t i = 0; i < records->snapshot->records && status == 0; i++) {
        status = mdb_cursor_get(cursor, &key, &data, i == 0 ? MDB_SET_RANGE : MDB_NEXT);
        if (status == 0)
            status = visit_key(head, &key, &data, visit, context);
    }
    mdb_cursor_close(cursor);
    return status;
}

struct value_visit {
    record_visitor visit;
    void *context;
};

static int visit_value(void *context, const char *name, const MDB_val *data)
{
    const struct value_visit *value = context;

    if (strlen(name) > SWTPM_STORAGE_NAME_MAX || data->mv_size < CHECKSUM_SIZE)
        return MDB_CORRUPTED;
    return value->visit(value->context, name, data->mv_size - CHECKSUM_SIZE);
}

int record_value_list(const struct records *records, uint64_t number, record_visitor visit,
                      void *context)
{
    const struct key head = value_key(number, "");
    struct value_visit value = {.visit = visit, .context = context};

    return visit_keys(records, &head, visit_value, &value);
}

struct tpm_visit {
    record_tpm_visitor visit;
    void *context;
};

static int visit_tpm(void *context, const char *name, const MDB_val *data)
{
    const struct tpm_visit *tpm = context;

    (void)data;
    return location_tpm_name_is_valid(name) ? tpm->visit(tpm->context, name) : MDB_CORRUPTED;
}

int record_tpm_list(const struct records *records, record_tpm_visitor visit, void *context)
{
    const struct key head = tpm_key("");
    struct tpm_visit tpm = {.visit = visit, .context = context};

    return visit_keys(records, &head, visit_tpm, &tpm);
}
