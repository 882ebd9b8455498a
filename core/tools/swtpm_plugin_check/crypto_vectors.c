/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/crypto_vectors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/buffer.h"

enum field {
    FIELD_NAME,
    FIELD_OP,
    FIELD_ALGORITHM,
    FIELD_ROUNDS,
    FIELD_RESULT,
    FIELD_KEY, /* from here on hexadecimal */
    FIELD_IV,
    FIELD_ASSOCIATED,
    FIELD_SALT,
    FIELD_INFO,
    FIELD_PASSWORD,
    FIELD_INPUT,
    FIELD_OUTPUT,
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_NAME] = "name",
    [FIELD_OP] = "op",
    [FIELD_ALGORITHM] = "algorithm",
    [FIELD_ROUNDS] = "rounds",
    [FIELD_RESULT] = "result",
    [FIELD_KEY] = "key",
    [FIELD_IV] = "iv",
    [FIELD_ASSOCIATED] = "associated",
    [FIELD_SALT] = "salt",
    [FIELD_INFO] = "info",
    [FIELD_PASSWORD] = "password",
    [FIELD_INPUT] = "input",
    [FIELD_OUTPUT] = "output",
};

struct record {
    char *text[FIELD_COUNT]; /* as in the file; NULL if absent */
    struct buffer bytes[FIELD_COUNT];
    struct buffer actual;
    struct swtpm_plugin_error error;
    char failure[SWTPM_PLUGIN_ERROR_SIZE + 128]; /* empty: none */
};

#define FAILED(record, ...) snprintf((record)->failure, sizeof(record)->failure, __VA_ARGS__)

static void clear(struct record *record)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        free(record->text[i]);
        buffer_free(&record->bytes[i]);
    }
    buffer_free(&record->actual);
    *record = (struct record){0};
}

/* ------------------------------------------------------------------------------------ parsing */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

static bool parse_hex(const char *text, struct buffer *bytes)
{
    for (; *text != '\0'; text += 2) {
        int high = hex_digit(text[0]);
        int low = high >= 0 ? hex_digit(text[1]) : -1;
        if (low < 0)
            return false;
        uint8_t byte = (uint8_t)(high << 4 | low);
        if (buffer_append(bytes, &byte, 1) != 0)
            abort();
    }
    return true;
}

static void parse_value(struct record *record, enum field field, const char *value)
{
    if (record->text[field] != NULL)
        FAILED(record, "field '%s' stands there twice", field_names[field]);
    free(record->text[field]);
    record->text[field] = strdup(value);
    if (record->text[field] == NULL)
        abort();
    if (field >= FIELD_KEY && !parse_hex(value, &record->bytes[field]))
        FAILED(record, "field '%s' is not hexadecimal", field_names[field]);
}

static void parse_line(struct record *record, char *line)
{
    char *value = strstr(line, " =");

    if (value != NULL) {
        *value = '\0';
        value += strlen(" =");
        value += *value == ' ';
        for (enum field field = 0; field < FIELD_COUNT; field++) {
            if (strcmp(line, field_names[field]) == 0) {
                parse_value(record, field, value);
                return;
            }
        }
    }
    FAILED(record, "line '%s' cannot be understood", line);
}

/* ------------------------------------------------------------------------------------ running */

static bool says(const struct record *record, enum field field, const char *text)
{
    return record->text[field] != NULL && strcmp(record->text[field], text) == 0;
}

static struct swtpm_bytes bytes(const struct record *record, enum field field)
{
    return (struct swtpm_bytes){record->bytes[field].data, record->bytes[field].size};
}

/* An output of `size` bytes, filled with something that no answer is likely to be. */
static struct swtpm_buffer output(struct record *record, size_t size)
{
    buffer_clear(&record->actual);
    if (buffer_reserve(&record->actual, size + 1) != 0)
        abort();
    memset(record->actual.data, 0xa5, size);
    record->actual.size = size;
    return (struct swtpm_buffer){record->actual.data, size};
}

static void compare(struct record *record, const char *what, int result, enum field expected)
{
    const struct buffer *answer = &record->bytes[expected];

    if (result != SWTPM_PLUGIN_OK)
        FAILED(record, "%s failed with %d: %s", what, result, record->error.message);
    else if (answer->size > 0 && memcmp(answer->data, record->actual.data, answer->size) != 0)
        FAILED(record, "%s gave another answer", what);
}

static void run_hash(const struct swtpm_crypto_ops *ops, struct record *record, uint32_t algorithm)
{
    struct swtpm_buffer to = output(record, record->bytes[FIELD_OUTPUT].size);
    struct swtpm_bytes input = bytes(record, FIELD_INPUT);
    int result;

    if (says(record, FIELD_OP, "digest"))
        result = ops->digest(algorithm, input, to, &record->error);
    else
        result = ops->hmac(algorithm, bytes(record, FIELD_KEY), input, to, &record->error);
    compare(record, record->text[FIELD_OP], result, FIELD_OUTPUT);
}

static void run_derivation(const struct swtpm_crypto_ops *ops, struct record *record,
                           uint32_t algorithm)
{
    struct swtpm_buffer to = output(record, record->bytes[FIELD_OUTPUT].size);
    struct swtpm_bytes salt = bytes(record, FIELD_SALT);
    int result;

    if (says(record, FIELD_OP, "hkdf")) {
        result = ops->hkdf(algorithm, bytes(record, FIELD_KEY), salt, bytes(record, FIELD_INFO), to,
                           &record->error);
    } else {
        const char *rounds = record->text[FIELD_ROUNDS] != NULL ? record->text[FIELD_ROUNDS] : "0";
        result = ops->pbkdf2(algorithm, bytes(record, FIELD_PASSWORD), salt,
                             (uint32_t)strtoul(rounds, NULL, 10), to, &record->error);
    }
    compare(record, record->text[FIELD_OP], result, FIELD_OUTPUT);
}

static void run_cbc(const struct swtpm_crypto_ops *ops, struct record *record, uint32_t algorithm)
{
    static const struct {
        const char *name;
        uint32_t direction;
        enum field from;
        enum field to;
    } directions[] = {{"encryption", SWTPM_ENCRYPT, FIELD_INPUT, FIELD_OUTPUT},
                      {"decryption", SWTPM_DECRYPT, FIELD_OUTPUT, FIELD_INPUT}};

    for (size_t i = 0; i < 2 && record->failure[0] == '\0'; i++) {
        struct swtpm_bytes from = bytes(record, directions[i].from);
        struct swtpm_buffer to = output(record, from.size);
        int result = ops->cbc(algorithm, directions[i].direction, bytes(record, FIELD_KEY),
                              bytes(record, FIELD_IV), from, to, &record->error);
        compare(record, directions[i].name, result, directions[i].to);
        if (from.size > 0)
            memcpy(to.data, from.data, from.size);
        from.data = to.data;
        result = ops->cbc(algorithm, directions[i].direction, bytes(record, FIELD_KEY),
                          bytes(record, FIELD_IV), from, to, &record->error);
        compare(record, "in-place cbc", result, directions[i].to);
    }
}

static void expect_corrupt(struct record *record, int result)
{
    if (result != SWTPM_PLUGIN_CORRUPT)
        FAILED(record, "decryption of a forged ciphertext gave %d", result);
    for (size_t i = 0; i < record->actual.size; i++) {
        if (record->actual.data[i] != 0xa5)
            FAILED(record, "decryption of a forged ciphertext wrote to its output");
    }
}

static void run_aead(const struct swtpm_crypto_ops *ops, struct record *record, uint32_t algorithm)
{
    struct swtpm_bytes key = bytes(record, FIELD_KEY);
    struct swtpm_bytes nonce = bytes(record, FIELD_IV);
    struct swtpm_bytes associated = bytes(record, FIELD_ASSOCIATED);
    struct swtpm_bytes sealed = bytes(record, FIELD_OUTPUT);

    if (sealed.size < SWTPM_GCM_TAG_SIZE) {
        FAILED(record, "the output is shorter than a tag");
        return;
    }
    struct swtpm_buffer opened = output(record, sealed.size - SWTPM_GCM_TAG_SIZE);
    int result =
        ops->aead(algorithm, SWTPM_DECRYPT, key, nonce, associated, sealed, opened, &record->error);
    if (says(record, FIELD_RESULT, "corrupt")) {
        expect_corrupt(record, result);
        return;
    }
    compare(record, "decryption", result, FIELD_INPUT);
    if (record->failure[0] != '\0')
        return;
    result = ops->aead(algorithm, SWTPM_ENCRYPT, key, nonce, associated, bytes(record, FIELD_INPUT),
                       output(record, sealed.size), &record->error);
    compare(record, "encryption", result, FIELD_OUTPUT);
}

static bool find_algorithm(const struct record *record, uint32_t *algorithm)
{
    static const struct {
        const char *name;
        uint32_t number;
    } algorithms[] = {{"sha256", SWTPM_SHA256},
                      {"sha512", SWTPM_SHA512},
                      {"aes128", SWTPM_AES_128},
                      {"aes256", SWTPM_AES_256}};

    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        *algorithm = algorithms[i].number;
        if (says(record, FIELD_ALGORITHM, algorithms[i].name))
            return true;
    }
    return false;
}

static void run(const struct swtpm_crypto_ops *ops, struct record *record)
{
    static const struct {
        const char *name;
        void (*run)(const struct swtpm_crypto_ops *ops, struct record *record, uint32_t algorithm);
    } runners[] = {{"digest", run_hash}, {"hmac", run_hash},       {"cbc", run_cbc},
                   {"aead", run_aead},   {"hkdf", run_derivation}, {"pbkdf2", run_derivation}};
    uint32_t algorithm;

    if (!find_algorithm(record, &algorithm)) {
        FAILED(record, "its algorithm is not known");
        return;
    }
    for (size_t i = 0; i < sizeof runners / sizeof *runners; i++) {
        if (says(record, FIELD_OP, runners[i].name)) {
            runners[i].run(ops, record, algorithm);
            return;
        }
    }
    FAILED(record, "its op is not known");
}

static void finish(const struct swtpm_crypto_ops *ops, struct record *record,
                   crypto_vector_visitor visit, void *context)
{
    const char *name = record->text[FIELD_NAME] != NULL ? record->text[FIELD_NAME] : "nameless";

    if (record->failure[0] == '\0')
        run(ops, record);
    visit(context, name, record->failure[0] == '\0' ? NULL : record->failure);
    clear(record);
}

int crypto_vectors_run(const struct swtpm_crypto_ops *ops, FILE *file, crypto_vector_visitor visit,
                       void *context)
{
    struct record record = {0};
    char *line = NULL;
    size_t capacity = 0;
    bool pending = false;
    int records = 0;

    while (getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] != '\0') {
            parse_line(&record, line);
            pending = true;
        } else if (pending) {
            finish(ops, &record, visit, context);
            records++;
            pending = false;
        }
    }
    if (pending) {
        finish(ops, &record, visit, context);
        records++;
    }
    free(line);
    return ferror(file) ? -1 : records;
}
