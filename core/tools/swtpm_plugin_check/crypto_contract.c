/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/swtpm_plugin_check/allocation.h"
#include "tools/swtpm_plugin_check/checks.h"
#include "tools/swtpm_plugin_check/store.h"

/* What the contract says of crypto ops beside their answers. */

enum { UNTOUCHED = 0xa7, KEY_SIZE = 32, OUTPUT_SIZE = 256 };

static const unsigned char zeros[256];

/* A call with proper arguments, but for what a check changes of them. */
struct call {
    uint32_t algorithm;
    uint32_t direction;
    struct swtpm_bytes key;
    struct swtpm_bytes nonce; /* or initialisation vector, salt */
    struct swtpm_bytes input; /* or password */
    uint32_t rounds;
    size_t output_size;
    unsigned char output[OUTPUT_SIZE];
};

struct op {
    const char *name;
    int (*run)(const struct swtpm_crypto_ops *ops, struct call *call,
               struct swtpm_plugin_error *error);
    struct call proper;
};

static struct swtpm_buffer output_of(struct call *call)
{
    return (struct swtpm_buffer){call->output, call->output_size};
}

static int run_digest(const struct swtpm_crypto_ops *ops, struct call *call,
                      struct swtpm_plugin_error *error)
{
    return ops->digest(call->algorithm, call->input, output_of(call), error);
}

static int run_hmac(const struct swtpm_crypto_ops *ops, struct call *call,
                    struct swtpm_plugin_error *error)
{
    return ops->hmac(call->algorithm, call->key, call->input, output_of(call), error);
}

static int run_cbc(const struct swtpm_crypto_ops *ops, struct call *call,
                   struct swtpm_plugin_error *error)
{
    return ops->cbc(call->algorithm, call->direction, call->key, call->nonce, call->input,
                    output_of(call), error);
}

static int run_aead(const struct swtpm_crypto_ops *ops, struct call *call,
                    struct swtpm_plugin_error *error)
{
    return ops->aead(call->algorithm, call->direction, call->key, call->nonce,
                     (struct swtpm_bytes){zeros, 20}, call->input, output_of(call), error);
}

static int run_hkdf(const struct swtpm_crypto_ops *ops, struct call *call,
                    struct swtpm_plugin_error *error)
{
    return ops->hkdf(call->algorithm, call->key, call->nonce, call->input, output_of(call), error);
}

static int run_pbkdf2(const struct swtpm_crypto_ops *ops, struct call *call,
                      struct swtpm_plugin_error *error)
{
    return ops->pbkdf2(call->algorithm, call->input, call->nonce, call->rounds, output_of(call),
                       error);
}

#define BYTES(size)                                                                                \
    {                                                                                              \
        zeros, size                                                                                \
    }

static const struct op op_list[] = {
    {"digest", run_digest, {.algorithm = SWTPM_SHA256, .input = BYTES(40), .output_size = 32}},
    {"hmac",
     run_hmac,
     {.algorithm = SWTPM_SHA512, .key = BYTES(20), .input = BYTES(40), .output_size = 64}},
    {"cbc",
     run_cbc,
     {.algorithm = SWTPM_AES_256,
      .direction = SWTPM_ENCRYPT,
      .key = BYTES(32),
      .nonce = BYTES(16),
      .input = BYTES(48),
      .output_size = 48}},
    {"aead",
     run_aead,
     {.algorithm = SWTPM_AES_128,
      .direction = SWTPM_ENCRYPT,
      .key = BYTES(16),
      .nonce = BYTES(12),
      .input = BYTES(50),
      .output_size = 66}},
    {"hkdf",
     run_hkdf,
     {.algorithm = SWTPM_SHA256,
      .key = BYTES(32),
      .nonce = BYTES(8),
      .input = BYTES(8),
      .output_size = 42}},
    {"pbkdf2",
     run_pbkdf2,
     {.algorithm = SWTPM_SHA512,
      .nonce = BYTES(8),
      .input = BYTES(8),
      .rounds = 2,
      .output_size = 40}},
};

enum { OP_COUNT = sizeof op_list / sizeof op_list[0] };

static void judge_failure(const struct op *op, const struct call *call, int result,
                          const struct swtpm_plugin_error *error, const char *what)
{
    size_t length = strnlen(error->message, sizeof error->message);

    check_that(result < 0 && result >= SWTPM_PLUGIN_FENCED, "%s with %s gave %d", op->name, what,
               result);
    check_that(length > 0 && length < sizeof error->message && error->message[length - 1] != '\n',
               "%s with %s failed without a proper message", op->name, what);
    for (size_t i = 0; i < OUTPUT_SIZE; i++)
        check_that(call->output[i] == UNTOUCHED, "%s with %s failed and wrote to its output",
                   op->name, what);
}

static int run_op(const struct subject *subject, const struct op *op, struct call *call,
                  struct swtpm_plugin_error *error)
{
    memset(error, 'x', sizeof *error);
    memset(call->output, UNTOUCHED, sizeof call->output);
    int result = op->run(subject->plugin->ops.crypto, call, error);
    for (size_t i = call->output_size; i < OUTPUT_SIZE; i++)
        check_that(call->output[i] == UNTOUCHED, "%s wrote behind its output", op->name);
    return result;
}

static void must_refuse(const struct subject *subject, const struct op *op, struct call *call,
                        int expected, const char *what)
{
    struct swtpm_plugin_error error;
    int result = run_op(subject, op, call, &error);

    check_that(result == expected, "%s with %s gave %s, not %s", op->name, what,
               result_name(result), result_name(expected));
    judge_failure(op, call, result, &error, what);
}

static void must_succeed(const struct subject *subject, const struct op *op, struct call *call)
{
    struct swtpm_plugin_error error;
    int result = run_op(subject, op, call, &error);

    check_that(result == 0, "%s failed with %s: %.*s", op->name, result_name(result),
               (int)strnlen(error.message, sizeof error.message), error.message);
}

static const struct op *find_op(const char *name)
{
    for (unsigned i = 0; i < OP_COUNT; i++)
        if (strcmp(op_list[i].name, name) == 0)
            return &op_list[i];
    return NULL;
}

/* --------------------------------------------------------------------------------------- checks */

void check_random(const struct subject *subject)
{
    enum { SIZE = 4096 };
    static unsigned char first[SIZE + 1];
    static unsigned char second[SIZE];
    const struct swtpm_crypto_ops *ops = subject->plugin->ops.crypto;
    struct swtpm_plugin_error error;
    unsigned ones = 0;

    first[SIZE] = UNTOUCHED;
    check_that(ops->random((struct swtpm_buffer){first, SIZE}, &error) == 0 &&
                   ops->random((struct swtpm_buffer){second, SIZE}, &error) == 0,
               "random failed: %s", error.message);
    check_that(ops->random((struct swtpm_buffer){NULL, 0}, &error) == 0,
               "random of 0 bytes failed: %s", error.message);
    check_that(first[SIZE] == UNTOUCHED, "random wrote behind the buffer");
    check_that(memcmp(first, second, SIZE) != 0, "random gives the same bytes twice");
    for (unsigned i = 0; i < SIZE; i++)
        ones += (unsigned)__builtin_popcount(first[i]);
    /* 32768 bits have 16384 ones, give or take 90; eight times that never happens. */
    check_that(ones > 16384 - 724 && ones < 16384 + 724, "of %d random bits %u are ones", SIZE * 8,
               ones);
}

static void refuse_output_size(const struct subject *subject, const struct op *op, size_t size)
{
    struct call call = op->proper;
    char what[64];

    call.output_size = size;
    snprintf(what, sizeof what, "an output of %zu bytes", size);
    must_refuse(subject, op, &call, SWTPM_PLUGIN_INVALID, what);
}

static void check_cipher_sizes(const struct subject *subject, const struct op *op,
                               size_t nonce_size)
{
    struct call call = op->proper;

    call.key.size--;
    must_refuse(subject, op, &call, SWTPM_PLUGIN_INVALID, "a key that is a byte too short");
    call.key.size = op->proper.key.size == 16 ? 32 : 16;
    must_refuse(subject, op, &call, SWTPM_PLUGIN_INVALID, "the key size of another algorithm");
    call = op->proper;
    call.nonce.size = nonce_size - 1;
    must_refuse(subject, op, &call, SWTPM_PLUGIN_INVALID, "a nonce that is a byte too short");
    call.nonce.size = nonce_size + 1;
    must_refuse(subject, op, &call, SWTPM_PLUGIN_INVALID, "a nonce that is a byte too long");
}

void check_crypto_sizes(const struct subject *subject)
{
    for (unsigned i = 0; i < OP_COUNT; i++) {
        struct call call = op_list[i].proper;
        must_succeed(subject, &op_list[i], &call);
    }
    refuse_output_size(subject, find_op("digest"), 31);
    refuse_output_size(subject, find_op("digest"), 64);
    refuse_output_size(subject, find_op("hmac"), 32);
    refuse_output_size(subject, find_op("cbc"), 64);
    refuse_output_size(subject, find_op("cbc"), 32);
    refuse_output_size(subject, find_op("aead"), 50);
    refuse_output_size(subject, find_op("aead"), 67);
    check_cipher_sizes(subject, find_op("cbc"), 16);
    check_cipher_sizes(subject, find_op("aead"), 12);
    struct call call = find_op("cbc")->proper;
    call.input.size = call.output_size = 47;
    must_refuse(subject, find_op("cbc"), &call, SWTPM_PLUGIN_INVALID, "an input of 47 bytes");
    call = find_op("aead")->proper;
    call.direction = SWTPM_DECRYPT;
    call.input.size = 15;
    call.output_size = 0;
    must_refuse(subject, find_op("aead"), &call, SWTPM_PLUGIN_INVALID,
                "a ciphertext shorter than a tag");
    call = find_op("pbkdf2")->proper;
    call.rounds = 0;
    must_refuse(subject, find_op("pbkdf2"), &call, SWTPM_PLUGIN_INVALID, "no round");
}

void check_crypto_algorithms(const struct subject *subject)
{
    static const uint32_t algorithms[] = {0, 3, 0x80000001, UINT32_MAX};

    for (unsigned i = 0; i < OP_COUNT; i++)
        for (unsigned k = 0; k < sizeof algorithms / sizeof algorithms[0]; k++) {
            struct call call = op_list[i].proper;
            char what[48];
            call.algorithm = algorithms[k];
            snprintf(what, sizeof what, "algorithm %#x", algorithms[k]);
            must_refuse(subject, &op_list[i], &call, SWTPM_PLUGIN_UNSUPPORTED, what);
        }
}

void check_cbc_in_place(const struct subject *subject)
{
    enum { SIZE = 96 };
    const struct swtpm_crypto_ops *ops = subject->plugin->ops.crypto;
    struct swtpm_plugin_error error;
    const struct swtpm_bytes key = {zeros, KEY_SIZE};
    const struct swtpm_bytes vector = {zeros, SWTPM_AES_BLOCK_SIZE};
    unsigned char plain[SIZE];
    unsigned char apart[SIZE];
    unsigned char in_place[SIZE];

    for (unsigned i = 0; i < SIZE; i++)
        plain[i] = in_place[i] = (unsigned char)(i * 7);
    check_that(ops->cbc(SWTPM_AES_256, SWTPM_ENCRYPT, key, vector,
                        (struct swtpm_bytes){plain, SIZE}, (struct swtpm_buffer){apart, SIZE},
                        &error) == 0 &&
                   ops->cbc(SWTPM_AES_256, SWTPM_ENCRYPT, key, vector,
                            (struct swtpm_bytes){in_place, SIZE},
                            (struct swtpm_buffer){in_place, SIZE}, &error) == 0,
               "cbc failed: %s", error.message);
    check_that(memcmp(apart, in_place, SIZE) == 0, "encrypting in place gives another result");
    check_that(ops->cbc(SWTPM_AES_256, SWTPM_DECRYPT, key, vector,
                        (struct swtpm_bytes){in_place, SIZE}, (struct swtpm_buffer){in_place, SIZE},
                        &error) == 0 &&
                   memcmp(plain, in_place, SIZE) == 0,
               "decrypting in place gives another result");
}

/* Each bit of a ciphertext, of the tag, the nonce and the associated data counts. */
void check_gcm_forgery(const struct subject *subject)
{
    enum { SIZE = 50, SEALED = SIZE + SWTPM_GCM_TAG_SIZE };
    const struct op *op = find_op("aead");
    struct call sealed = op->proper;
    unsigned char forged[SEALED];

    must_succeed(subject, op, &sealed);
    for (unsigned bit = 0; bit < SEALED * 8; bit++) {
        struct call call = op->proper;
        memcpy(forged, sealed.output, SEALED);
        forged[bit / 8] ^= (unsigned char)(1U << bit % 8);
        call.direction = SWTPM_DECRYPT;
        call.input = (struct swtpm_bytes){forged, SEALED};
        call.output_size = SIZE;
        must_refuse(subject, op, &call, SWTPM_PLUGIN_CORRUPT, "a ciphertext with one bit flipped");
    }
}

enum { THREADS = 8, TURNS = 200 };

static void *run_all_ops(void *context)
{
    const struct subject *subject = context;

    for (unsigned turn = 0; turn < TURNS; turn++)
        for (unsigned i = 0; i < OP_COUNT; i++) {
            struct call first = op_list[i].proper;
            struct call second = op_list[i].proper;
            must_succeed(subject, &op_list[i], &first);
            must_succeed(subject, &op_list[i], &second);
            check_that(memcmp(first.output, second.output, OUTPUT_SIZE) == 0,
                       "%s gives two results while other threads are at work", op_list[i].name);
        }
    return NULL;
}

void check_crypto_threads(const struct subject *subject)
{
    pthread_t threads[THREADS];
    struct subject copy = *subject;

    for (unsigned i = 0; i < THREADS; i++)
        check_that(pthread_create(&threads[i], NULL, run_all_ops, &copy) == 0,
                   "no thread can be started");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* What a library loses then is not counted: GnuTLS 3.7 loses a handle that it could not finish. */

/* One run of an op in which the `at`th allocation fails; the number of allocations it made. */
static unsigned run_without_memory(const struct subject *subject, const struct op *op, unsigned at)
{
    struct call call = op->proper;
    struct swtpm_plugin_error error;

    memset(&error, 'x', sizeof error);
    memset(call.output, UNTOUCHED, sizeof call.output);
    allocation_begin(at);
    int result = op->run(subject->plugin->ops.crypto, &call, &error);
    unsigned made = allocation_end();
    if (result != 0) {
        /* Some libraries do not say why they failed. */
        check_that(result == SWTPM_PLUGIN_NO_MEMORY || result == SWTPM_PLUGIN_IO,
                   "%s without memory gave %s", op->name, result_name(result));
        judge_failure(op, &call, result, &error, "no memory");
    }
    return made;
}

void check_crypto_memory_faults(const struct subject *subject)
{
    for (unsigned i = 0; i < OP_COUNT; i++) {
        struct call call = op_list[i].proper;
        must_succeed(subject, &op_list[i], &call); /* what the library keeps for good is made */
        for (unsigned at = 1; run_without_memory(subject, &op_list[i], at) >= at; at++)
            continue;
        must_succeed(subject, &op_list[i], &call);
    }
}
