/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libtpms/tpm_error.h>

#include "failing_memory.h"
#include "keys.h"
#include "linked_crypto.h"
#include "state/key_use.h"
#include "state/state_blob.h"
#include "util/big_endian.h"

#define SECRET "what the TPM keeps to itself"

static struct error error;
static struct buffer blob;
static struct buffer plain;
static bool encrypted;

static int set_up(void **state)
{
    (void)state;
    linked_crypto_break(0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&blob);
    buffer_free(&plain);
    return 0;
}

enum { KINDS = 4 };

static struct state_key *make_key(size_t kind, char fill)
{
    static const enum key_mode modes[] = {[1] = KEY_MODE_AES_128_CBC,
                                          [2] = KEY_MODE_AES_256_CBC,
                                          [3] = KEY_MODE_AES_256_GCM};
    return kind == 0 ? NULL : keys_binary(modes[kind], fill);
}

/* The same key for all tests, since making one costs system calls; freed by nobody but main. */
static struct state_key *state_keys[KINDS];
static struct state_key *migration_keys[KINDS];

static struct state_blob_keys keys_of(size_t state_kind, size_t migration_kind)
{
    return (struct state_blob_keys){.state_key = state_keys[state_kind],
                                    .migration_key = migration_keys[migration_kind]};
}

static void wrap(const struct state_blob_keys *keys, bool decrypted)
{
    TPM_RESULT result = state_blob_wrap(keys, TPM_VERSION_1_2, STATE_VOLATILE,
                                        (struct swtpm_bytes){SECRET, strlen(SECRET)}, decrypted,
                                        &blob, &encrypted, &error);
    if (result != TPM_SUCCESS)
        fail_msg("%s", error.text);
}

static TPM_RESULT unwrap_bytes(const struct state_blob_keys *keys, const void *bytes, size_t size,
                               bool claim)
{
    void *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    error.text[0] = '\0';
    TPM_RESULT result = state_blob_unwrap(keys, TPM_VERSION_1_2, STATE_VOLATILE,
                                          (struct swtpm_bytes){copy, size}, claim, &plain, &error);
    free(copy);
    if (result != TPM_SUCCESS)
        assert_true(error.text[0] != '\0');
    return result;
}

static TPM_RESULT unwrap(const struct state_blob_keys *keys, bool claim)
{
    return unwrap_bytes(keys, blob.data, blob.size, claim);
}

static void assert_plain_is_the_secret(void)
{
    assert_int_equal(plain.size, strlen(SECRET));
    assert_memory_equal(plain.data, SECRET, strlen(SECRET));
}

static void all_pairs_of_keys_work_both_ways(void **state)
{
    (void)state;
    for (size_t s = 0; s < KINDS; s++) {
        for (size_t m = 0; m < KINDS; m++) {
            const struct state_blob_keys keys = keys_of(s, m);
            wrap(&keys, false);
            assert_int_equal(encrypted, s != 0);
            assert_int_equal(big_endian_get32(blob.data + 6), blob.size);
            assert_int_equal(unwrap(&keys, s != 0), TPM_SUCCESS);
            assert_plain_is_the_secret();
            bool strong = s == 3 || m == 3;
            assert_int_equal(blob.data[0], strong ? 128 : 2);
            assert_true((memmem(blob.data, blob.size, SECRET, 8) == NULL) == (s != 0 || m != 0));
        }
    }
}

static void a_decrypted_blob_needs_no_state_key(void **state)
{
    (void)state;
    const struct state_blob_keys with = keys_of(1, 2);
    const struct state_blob_keys without = keys_of(0, 2);

    wrap(&with, true);
    assert_false(encrypted);
    assert_int_equal(unwrap(&without, false), TPM_SUCCESS);
    assert_plain_is_the_secret();
    assert_int_equal(unwrap(&with, false), TPM_SUCCESS);
}

static void the_header_has_the_flags_of_the_original(void **state)
{
    (void)state;
    static const struct {
        size_t state_kind;
        size_t migration_kind;
        uint16_t flags;
    } expected[] = {{0, 0, 4}, {1, 0, 5},  {2, 0, 13}, {0, 1, 6},
                    {1, 1, 7}, {0, 2, 22}, {1, 2, 23}, {2, 2, 31}};

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct state_blob_keys keys =
            keys_of(expected[i].state_kind, expected[i].migration_kind);
        wrap(&keys, false);
        assert_int_equal(big_endian_get16(blob.data), 0x0201);
        assert_int_equal(big_endian_get16(blob.data + 4), expected[i].flags);
    }
}

static void a_plain_blob_has_the_bytes_of_the_original(void **state)
{
    (void)state;
    static const uint8_t start[] = {2, 1, 0, 10, 0, 4, 0, 0, 0, 50, 0, 4, 0, 0, 0, 34,
                                    0, 1, 0, 0,  0, 28};
    const struct state_blob_keys none = keys_of(0, 0);

    wrap(&none, false);
    assert_int_equal(blob.size, 50);
    assert_memory_equal(blob.data, start, sizeof start);
    assert_memory_equal(blob.data + sizeof start, SECRET, strlen(SECRET));
}

static void a_missing_key_is_not_found(void **state)
{
    (void)state;
    const struct state_blob_keys none = keys_of(0, 0);
    struct state_blob_keys keys = keys_of(0, 1);

    wrap(&keys, false);
    assert_int_equal(unwrap(&none, false), TPM_KEYNOTFOUND);
    assert_non_null(strstr(error.text, "--migration-key"));
    keys = keys_of(1, 0);
    wrap(&keys, false);
    assert_int_equal(unwrap(&none, false), TPM_KEYNOTFOUND);
    assert_int_equal(unwrap(&none, true), TPM_KEYNOTFOUND);
    assert_non_null(strstr(error.text, "--key"));
    assert_null(plain.data);
}

static void a_wrong_or_longer_key_is_refused(void **state)
{
    (void)state;
    for (size_t kind = 1; kind < KINDS; kind++) {
        struct state_key *wrong = make_key(kind, 'w');
        struct state_blob_keys keys = keys_of(0, kind);
        wrap(&keys, false);
        keys.migration_key = wrong;
        assert_int_equal(unwrap(&keys, false), TPM_DECRYPT_ERROR);
        keys = keys_of(0, kind == 1 ? 2 : 1);
        assert_int_equal(unwrap(&keys, false), TPM_BAD_KEY_PROPERTY);
        state_key_free(wrong);
    }
    assert_null(plain.data);
}

static void a_plain_blob_is_taken_as_it_is_unless_encryption_is_required(void **state)
{
    (void)state;
    struct state_blob_keys keys = keys_of(0, 0);

    wrap(&keys, false);
    keys = keys_of(1, 2);
    assert_int_equal(unwrap(&keys, false), TPM_SUCCESS);
    keys.require_encrypted = true;
    buffer_free(&plain);
    assert_int_equal(unwrap(&keys, false), TPM_DECRYPT_ERROR);
    assert_null(plain.data);
    wrap(&keys, false);
    assert_int_equal(unwrap(&keys, false), TPM_SUCCESS);
}

static void a_wrong_claim_of_encryption_is_refused(void **state)
{
    (void)state;
    struct state_blob_keys keys = keys_of(0, 1);

    wrap(&keys, false);
    assert_int_equal(unwrap(&keys, true), TPM_KEYNOTFOUND);
    keys = keys_of(1, 1);
    assert_int_equal(unwrap(&keys, true), TPM_FAIL);
}

static void what_is_no_blob_is_refused(void **state)
{
    (void)state;
    static const uint8_t a_state[] = {2, 1, 0, 10, 0, 0, 0, 0, 0, 17, 0, 1, 0, 0, 0, 1, 'x'};
    static const uint8_t odd_flags[] = {2, 1, 0, 10, 0, 12, 0, 0, 0, 10};
    static const uint8_t odd_migration_flags[] = {2, 1, 0, 10, 0, 20, 0, 0, 0, 10};
    static const uint8_t unknown_flags[] = {2, 1, 0, 10, 1, 4, 0, 0, 0, 10};
    const struct state_blob_keys none = keys_of(0, 0);

    for (size_t size = 0; size < sizeof a_state; size++)
        assert_int_equal(unwrap_bytes(&none, a_state, size, false), TPM_BAD_PARAMETER);
    assert_int_equal(unwrap_bytes(&none, a_state, sizeof a_state, false), TPM_FAIL);
    assert_int_equal(unwrap_bytes(&none, odd_flags, sizeof odd_flags, false), TPM_FAIL);
    assert_int_equal(unwrap_bytes(&none, odd_migration_flags, sizeof odd_migration_flags, false),
                     TPM_FAIL);
    assert_int_equal(unwrap_bytes(&none, unknown_flags, sizeof unknown_flags, false), TPM_FAIL);
}

static void blobs_of_version_1_are_read(void **state)
{
    (void)state;
    static const uint8_t unmarked[] = {1, 1, 0, 10, 0, 0, 0, 0, 0, 12, 'h', 'i'};
    static const uint8_t marked[] = {1, 1, 0, 10, 0, 4, 0, 0, 0, 12, 'h', 'i'};
    const struct state_blob_keys none = keys_of(0, 0);

    assert_int_equal(unwrap_bytes(&none, unmarked, sizeof unmarked, false), TPM_SUCCESS);
    assert_int_equal(unwrap_bytes(&none, marked, sizeof marked, false), TPM_SUCCESS);
    assert_int_equal(plain.size, 2);
    assert_memory_equal(plain.data, "hi", 2);
}

/* AES-CBC with an IV of zeros over SHA-256(data), data and padding (doc/state-format.md §4.3). */
static size_t wrap_as_version_1(const struct state_key *key, const char *data, uint8_t *to)
{
    enum { HEADER = 10, DIGEST = 32, CIPHERTEXT = 48 };
    static const uint8_t header[HEADER] = {1, 1, 0, 10, 0, 6, 0, 0, 0, HEADER + CIPHERTEXT};
    static const uint8_t zeros[16];
    const struct swtpm_bytes text = {data, strlen(data)};
    uint8_t inner[CIPHERTEXT];
    struct key_use use;

    memset(inner, (int)(CIPHERTEXT - DIGEST - text.size), sizeof inner);
    assert_int_equal(key_use_for_wrapping(key, &use, &error), 0);
    assert_int_equal(crypto_digest(use.crypto, SWTPM_SHA256, text,
                                   (struct swtpm_buffer){inner, DIGEST}, &error), 0);
    memcpy(inner + DIGEST, text.data, text.size);
    memcpy(to, header, sizeof header);
    assert_int_equal(crypto_cbc(use.crypto, SWTPM_AES_128, SWTPM_ENCRYPT, use.bytes,
                                (struct swtpm_bytes){zeros, sizeof zeros},
                                (struct swtpm_bytes){inner, sizeof inner},
                                (struct swtpm_buffer){to + HEADER, CIPHERTEXT}, &error), 0);
    return HEADER + CIPHERTEXT;
}

static void an_encrypted_blob_of_version_1_has_no_hmac_and_is_not_what_is_required(void **state)
{
    (void)state;
    struct state_blob_keys keys = keys_of(0, 1);
    uint8_t bytes[128];

    size_t size = wrap_as_version_1(migration_keys[1], "hi", bytes);
    assert_int_equal(unwrap_bytes(&keys, bytes, size, false), TPM_SUCCESS);
    assert_int_equal(plain.size, 2);
    assert_memory_equal(plain.data, "hi", 2);
    keys.require_encrypted = true;
    assert_int_equal(unwrap_bytes(&keys, bytes, size, false), TPM_DECRYPT_ERROR);
    assert_non_null(strstr(error.text, "version 1"));
}

static void every_shorter_part_is_refused(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        const struct state_blob_keys keys = keys_of(kind, kind);
        wrap(&keys, false);
        for (size_t size = 0; size < blob.size; size++)
            if (unwrap_bytes(&keys, blob.data, size, false) == TPM_SUCCESS)
                fail_msg("kind %zu, size %zu", kind, size);
    }
    assert_null(plain.data);
}

static void every_flipped_bit_of_a_blob_for_required_encryption_is_refused(void **state)
{
    (void)state;
    for (size_t kind = 1; kind < KINDS; kind++) {
        struct state_blob_keys keys = keys_of(0, kind);
        keys.require_encrypted = true;
        wrap(&keys, false);
        for (size_t bit = 0; bit < 8 * blob.size; bit++) {
            blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (unwrap(&keys, false) == TPM_SUCCESS)
                fail_msg("kind %zu, byte %zu, bit %zu", kind, bit / 8, bit % 8);
            blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    assert_null(plain.data);
}

static void a_gcm_blob_belongs_to_its_type_and_tpm_version(void **state)
{
    (void)state;
    const struct state_blob_keys keys = keys_of(0, 3);

    wrap(&keys, false);
    struct swtpm_bytes bytes = {blob.data, blob.size};
    assert_int_equal(state_blob_unwrap(&keys, TPM_VERSION_1_2, STATE_SAVE, bytes, false, &plain,
                                       &error), TPM_DECRYPT_ERROR);
    assert_int_equal(state_blob_unwrap(&keys, TPM_VERSION_2_0, STATE_VOLATILE, bytes, false,
                                       &plain, &error), TPM_DECRYPT_ERROR);
}

/* A state key and a migration key with the same bytes are not the same key. */
static void a_gcm_state_cannot_pass_for_a_blob(void **state)
{
    (void)state;
    struct state_blob_keys keys = {.state_key = migration_keys[3],
                                   .migration_key = migration_keys[3]};
    struct state_blob_keys inner = {.state_key = migration_keys[3]};

    wrap(&inner, false);
    /* The state's tag becomes the blob's, and its flags too. */
    memmove(blob.data + 10, blob.data + 16, blob.size - 16);
    blob.size -= 6;
    big_endian_put16(blob.data + 10, 0x8004);
    big_endian_put16(blob.data + 4, 22);
    big_endian_put32(blob.data + 6, (uint32_t)blob.size);
    assert_int_equal(unwrap(&keys, false), TPM_DECRYPT_ERROR);
}

static void a_state_that_makes_too_large_a_blob_is_refused(void **state)
{
    (void)state;
    const struct state_blob_keys none = keys_of(0, 0);
    static uint8_t large[STATE_BLOB_MAX];
    struct swtpm_bytes bytes = {large, sizeof large - 22};

    assert_int_equal(state_blob_wrap(&none, TPM_VERSION_2_0, STATE_PERMANENT, bytes, false, &blob,
                                     &encrypted, &error), TPM_SUCCESS);
    assert_int_equal(blob.size, STATE_BLOB_MAX);
    buffer_free(&blob);
    bytes.size++;
    assert_int_equal(state_blob_wrap(&none, TPM_VERSION_2_0, STATE_PERMANENT, bytes, false, &blob,
                                     &encrypted, &error), TPM_FAIL);
    assert_null(blob.data);
}

static void each_failure_of_the_crypto_plugin_is_told_and_changes_nothing(void **state)
{
    (void)state;
    const struct state_blob_keys keys = keys_of(1, 3);
    bool failed = true;

    for (unsigned call = 0; failed; call++) {
        linked_crypto_break(call, SWTPM_PLUGIN_IO);
        TPM_RESULT result = state_blob_wrap(&keys, TPM_VERSION_1_2, STATE_VOLATILE,
                                            (struct swtpm_bytes){SECRET, strlen(SECRET)}, false,
                                            &blob, &encrypted, &error);
        failed = linked_crypto_has_failed();
        assert_int_equal(result, failed ? TPM_FAIL : TPM_SUCCESS);
        assert_true((blob.data == NULL) == failed);
    }
    failed = true;
    for (unsigned call = 0; failed; call++) {
        linked_crypto_break(call, SWTPM_PLUGIN_IO);
        TPM_RESULT result = unwrap(&keys, true);
        failed = linked_crypto_has_failed();
        assert_int_equal(result, failed ? TPM_IOERROR : TPM_SUCCESS);
        assert_true((plain.data == NULL) == failed);
    }
}

static void each_failed_allocation_is_told_and_changes_nothing(void **state)
{
    (void)state;
    const struct state_blob_keys keys = keys_of(1, 3);

    bool failed = true;
    for (unsigned n = 0; failed; n++) {
        failing_memory_start(n);
        TPM_RESULT result = state_blob_wrap(&keys, TPM_VERSION_1_2, STATE_VOLATILE,
                                            (struct swtpm_bytes){SECRET, strlen(SECRET)}, false,
                                            &blob, &encrypted, &error);
        failed = failing_memory_end();
        assert_int_equal(result, failed ? TPM_RESOURCES : TPM_SUCCESS);
        assert_true((blob.data == NULL) == failed);
    }
    struct swtpm_bytes bytes = {blob.data, blob.size};
    failed = true;
    for (unsigned n = 0; failed; n++) {
        failing_memory_start(n);
        TPM_RESULT result = state_blob_unwrap(&keys, TPM_VERSION_1_2, STATE_VOLATILE, bytes, true,
                                              &plain, &error);
        failed = failing_memory_end();
        assert_int_equal(result, failed ? TPM_RESOURCES : TPM_SUCCESS);
        assert_true((plain.data == NULL) == failed);
    }
}

static int make_keys(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        state_keys[kind] = make_key(kind, 's');
        migration_keys[kind] = make_key(kind, 'm');
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        state_key_free(state_keys[kind]);
        state_key_free(migration_keys[kind]);
    }
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_pairs_of_keys_work_both_ways),
        TEST(a_decrypted_blob_needs_no_state_key),
        TEST(the_header_has_the_flags_of_the_original),
        TEST(a_plain_blob_has_the_bytes_of_the_original),
        TEST(a_missing_key_is_not_found),
        TEST(a_wrong_or_longer_key_is_refused),
        TEST(a_plain_blob_is_taken_as_it_is_unless_encryption_is_required),
        TEST(a_wrong_claim_of_encryption_is_refused),
        TEST(what_is_no_blob_is_refused),
        TEST(blobs_of_version_1_are_read),
        TEST(an_encrypted_blob_of_version_1_has_no_hmac_and_is_not_what_is_required),
        TEST(every_shorter_part_is_refused),
        TEST(every_flipped_bit_of_a_blob_for_required_encryption_is_refused),
        TEST(a_gcm_blob_belongs_to_its_type_and_tpm_version),
        TEST(a_gcm_state_cannot_pass_for_a_blob),
        TEST(a_state_that_makes_too_large_a_blob_is_refused),
        TEST(each_failure_of_the_crypto_plugin_is_told_and_changes_nothing),
        TEST(each_failed_allocation_is_told_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
