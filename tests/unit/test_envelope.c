/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libtpms/tpm_error.h>

#include "failing_memory.h"
#include "keys.h"
#include "linked_crypto.h"
#include "state/envelope.h"
#include "state/envelope_header.h"
#include "state/strong_key.h"
#include "state/tlv.h"
#include "util/big_endian.h"

#define SECRET "what the TPM keeps to itself"

static struct error error;
static struct buffer envelope;
static struct buffer plain;

static int set_up(void **state)
{
    (void)state;
    linked_crypto_break(0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&envelope);
    buffer_free(&plain);
    return 0;
}

/* All ways to protect a state. */
enum { MODES = 6 };

static struct state_key *make_key(size_t mode, char fill)
{
    char passphrase[] = {fill, '\0'};

    switch (mode) {
    case 0:
        return NULL;
    case 1:
        return keys_binary(KEY_MODE_AES_128_CBC, fill);
    case 2:
        return keys_binary(KEY_MODE_AES_256_CBC, fill);
    case 3:
        return keys_binary(KEY_MODE_AES_256_GCM, fill);
    case 4:
        return keys_passphrase(KEY_MODE_AES_128_CBC, KEY_DERIVATION_PBKDF2_STRONG, passphrase);
    default:
        return keys_passphrase(KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, passphrase);
    }
}

static void wrap(const struct state_key *key, const void *bytes, size_t size)
{
    TPM_RESULT result = envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT,
                                      (struct swtpm_bytes){bytes, size}, &envelope, &error);
    if (result != TPM_SUCCESS)
        fail_msg("%s", error.text);
}

/* Unwraps from memory of the exact size, so that the sanitizers see reads past the end. */
static TPM_RESULT unwrap_bytes(const struct state_key *key, const void *bytes, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    error.text[0] = '\0';
    TPM_RESULT result = envelope_unwrap(key, TPM_VERSION_2_0, STATE_PERMANENT,
                                        (struct swtpm_bytes){copy, size}, &plain, &error);
    free(copy);
    if (result != TPM_SUCCESS)
        assert_true(error.text[0] != '\0');
    return result;
}

static TPM_RESULT unwrap(const struct state_key *key)
{
    return unwrap_bytes(key, envelope.data, envelope.size);
}

static void assert_error_says(const char *part)
{
    if (strstr(error.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, error.text);
}

static void what_was_wrapped_is_unwrapped_in_every_mode_and_size(void **state)
{
    (void)state;
    char bytes[70];

    memset(bytes, 0x10, sizeof bytes);
    for (size_t mode = 0; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        for (size_t size = 0; size <= sizeof bytes; size++) {
            wrap(key, bytes, size);
            assert_int_equal(big_endian_get32(envelope.data + 6), envelope.size);
            assert_int_equal(unwrap(key), TPM_SUCCESS);
            assert_int_equal(plain.size, size);
            if (size > 0)
                assert_memory_equal(plain.data, bytes, size);
        }
        state_key_free(key);
    }
}

static void encrypted_states_do_not_hold_the_plain_bytes(void **state)
{
    (void)state;
    for (size_t mode = 0; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        void *found = memmem(envelope.data, envelope.size, SECRET, 8);
        assert_true((found != NULL) == (mode == 0));
        state_key_free(key);
    }
}

static void the_same_state_is_encrypted_differently_each_time(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        struct buffer first = {0};
        wrap(key, SECRET, strlen(SECRET));
        buffer_move(&first, &envelope);
        wrap(key, SECRET, strlen(SECRET));
        assert_int_equal(first.size, envelope.size);
        assert_memory_not_equal(first.data, envelope.data, first.size);
        buffer_free(&first);
        state_key_free(key);
    }
}

static void cbc_states_have_the_form_of_the_original(void **state)
{
    (void)state;
    static const struct {
        size_t mode;
        uint8_t start[16];
        size_t hmac_at;
        size_t iv_at;
        size_t iv_size;
    } expected[] = {
        {1, {2, 1, 0, 10, 0, 1, 0, 0, 0, 108, 0, 2, 0, 0, 0, 32}, 48, 86, 16},
        {2, {2, 1, 0, 10, 0, 9, 0, 0, 0, 124, 0, 2, 0, 0, 0, 32}, 48, 86, 32},
    };

    for (size_t i = 0; i < 2; i++) {
        struct state_key *key = make_key(expected[i].mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        assert_int_equal(envelope.size, expected[i].start[9]);
        assert_memory_equal(envelope.data, expected[i].start, 16);
        assert_int_equal(big_endian_get16(envelope.data + expected[i].hmac_at), TLV_HMAC);
        assert_int_equal(big_endian_get16(envelope.data + expected[i].iv_at), TLV_STATE_IV);
        assert_int_equal(big_endian_get32(envelope.data + expected[i].iv_at + 2),
                         expected[i].iv_size);
        state_key_free(key);
    }
}

static void what_only_this_program_reads_says_so_in_its_versions(void **state)
{
    (void)state;
    for (size_t mode = 3; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        assert_int_equal(envelope.data[0], 128);
        assert_int_equal(envelope.data[1], 128);
        state_key_free(key);
    }
}

static void a_wrong_key_is_refused(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        struct state_key *right = make_key(mode, 'k');
        struct state_key *wrong = make_key(mode, 'w');
        wrap(right, SECRET, strlen(SECRET));
        assert_int_equal(unwrap(wrong), TPM_DECRYPT_ERROR);
        assert_error_says("--key");
        assert_null(plain.data);
        state_key_free(right);
        state_key_free(wrong);
    }
}

static void a_key_of_another_kind_is_refused(void **state)
{
    (void)state;
    for (size_t written = 0; written < MODES; written++) {
        struct state_key *key = make_key(written, 'k');
        wrap(key, SECRET, strlen(SECRET));
        state_key_free(key);
        for (size_t read = 0; read < MODES; read++) {
            if (read == written)
                continue;
            key = make_key(read, 'k');
            TPM_RESULT result = unwrap(key);
            bool length_differs = (written == 1 && (read == 2 || read == 3)) ||
                                  (written == 2 && read == 1) || (written == 3 && read == 1) ||
                                  (written == 4 && read == 5) || (written == 5 && read == 4);
            if (result != (length_differs ? (TPM_RESULT)(TPM_BAD_KEY_PROPERTY)
                                          : (TPM_RESULT)(TPM_DECRYPT_ERROR)))
                fail_msg("written %zu, read %zu: %#x %s", written, read, result, error.text);
            state_key_free(key);
        }
    }
}

static void every_flipped_bit_of_an_encrypted_state_is_refused(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        for (size_t bit = 0; bit < 8 * envelope.size; bit++) {
            envelope.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (unwrap(key) == TPM_SUCCESS)
                fail_msg("mode %zu, byte %zu, bit %zu", mode, bit / 8, bit % 8);
            envelope.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        assert_null(plain.data);
        assert_int_equal(unwrap(key), TPM_SUCCESS);
        buffer_free(&plain);
        state_key_free(key);
    }
}

static void every_shorter_part_of_a_state_is_refused(void **state)
{
    (void)state;
    for (size_t mode = 0; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        for (size_t size = 0; size < envelope.size; size++)
            if (unwrap_bytes(key, envelope.data, size) == TPM_SUCCESS)
                fail_msg("mode %zu, size %zu", mode, size);
        assert_null(plain.data);
        state_key_free(key);
    }
}

static void a_gcm_state_belongs_to_its_name_and_tpm_version(void **state)
{
    (void)state;
    struct state_key *key = make_key(3, 'k');

    wrap(key, SECRET, strlen(SECRET));
    struct swtpm_bytes bytes = {envelope.data, envelope.size};
    assert_int_equal(envelope_unwrap(key, TPM_VERSION_2_0, STATE_SAVE, bytes, &plain, &error),
                     TPM_DECRYPT_ERROR);
    assert_error_says("moved");
    assert_int_equal(envelope_unwrap(key, TPM_VERSION_1_2, STATE_PERMANENT, bytes, &plain, &error),
                     TPM_DECRYPT_ERROR);
    assert_int_equal(unwrap(key), TPM_SUCCESS);
    state_key_free(key);
}

static void a_strong_key_is_derived_once_for_each_salt(void **state)
{
    (void)state;
    struct state_key *writer = make_key(5, 'k');
    struct state_key *reader = make_key(5, 'k');
    unsigned before = linked_crypto_derivations();

    wrap(writer, SECRET, strlen(SECRET));
    wrap(writer, SECRET, strlen(SECRET));
    assert_int_equal(linked_crypto_derivations() - before, 1);
    assert_int_equal(unwrap(reader), TPM_SUCCESS);
    assert_int_equal(unwrap(reader), TPM_SUCCESS);
    wrap(reader, SECRET, strlen(SECRET));
    assert_int_equal(linked_crypto_derivations() - before, 2);
    assert_int_equal(unwrap(writer), TPM_SUCCESS);
    assert_int_equal(linked_crypto_derivations() - before, 2);
    state_key_free(writer);
    state_key_free(reader);
}

static void a_salt_under_which_nothing_opened_is_not_used_for_new_states(void **state)
{
    (void)state;
    enum { SALT = 21 };
    uint8_t chosen[STRONG_KEY_SALT_SIZE];
    struct state_key *writer = make_key(5, 'k');
    struct state_key *reader = make_key(5, 'k');

    memset(chosen, 'c', sizeof chosen);
    wrap(writer, SECRET, strlen(SECRET));
    memcpy(envelope.data + SALT, chosen, sizeof chosen);
    assert_int_equal(unwrap(reader), TPM_DECRYPT_ERROR);
    wrap(reader, SECRET, strlen(SECRET));
    assert_memory_not_equal(envelope.data + SALT, chosen, sizeof chosen);
    assert_int_equal(unwrap(writer), TPM_SUCCESS);
    state_key_free(writer);
    state_key_free(reader);
}

/* Ciphertext followed by IV, as one item, has the same HMAC. */
static void an_iv_cannot_be_passed_off_as_ciphertext_in_a_strong_state(void **state)
{
    (void)state;
    enum { CIPHERTEXT = ENVELOPE_HEADER_SIZE + TLV_HEADER_SIZE + STRONG_KEY_PARAMETERS_SIZE };
    uint8_t iv[16];
    uint8_t hmac[TLV_HEADER_SIZE + 32];
    struct state_key *key = make_key(4, 'k');

    wrap(key, SECRET, strlen(SECRET));
    uint8_t *end = envelope.data + envelope.size;
    memcpy(iv, end - sizeof iv, sizeof iv);
    memcpy(hmac, end - sizeof iv - TLV_HEADER_SIZE - sizeof hmac, sizeof hmac);
    uint8_t *moved = end - sizeof iv - TLV_HEADER_SIZE - sizeof hmac;
    memcpy(moved, iv, sizeof iv);
    memcpy(moved + sizeof iv, hmac, sizeof hmac);
    uint8_t *length = envelope.data + CIPHERTEXT + 2;
    big_endian_put32(length, big_endian_get32(length) + (uint32_t)sizeof iv);
    envelope.size -= TLV_HEADER_SIZE;
    big_endian_put32(envelope.data + 6, (uint32_t)envelope.size);
    assert_int_not_equal(unwrap(key), TPM_SUCCESS);
    assert_error_says("no IV");
    state_key_free(key);
}

static void a_long_passphrase_is_more_than_its_start(void **state)
{
    (void)state;
    char passphrase[300];

    memset(passphrase, 'p', sizeof passphrase);
    passphrase[299] = '\0';
    struct state_key *whole =
        keys_passphrase(KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, passphrase);
    passphrase[298] = '\0';
    struct state_key *shorter =
        keys_passphrase(KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, passphrase);
    wrap(whole, SECRET, strlen(SECRET));
    assert_int_equal(unwrap(shorter), TPM_DECRYPT_ERROR);
    assert_int_equal(unwrap(whole), TPM_SUCCESS);
    state_key_free(whole);
    state_key_free(shorter);
}

static void weak_or_endless_derivations_are_refused_at_once(void **state)
{
    (void)state;
    static const uint32_t rounds[] = {0, 1, 209999, 1000001, 4200000, UINT32_MAX};
    struct state_key *key = make_key(5, 'k');

    wrap(key, SECRET, strlen(SECRET));
    unsigned before = linked_crypto_derivations();
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        big_endian_put32(envelope.data + 17, rounds[i]);
        assert_int_equal(unwrap(key), TPM_DECRYPT_ERROR);
        assert_error_says("rounds");
    }
    assert_int_equal(linked_crypto_derivations(), before);
    state_key_free(key);
}

/* ----------------------------------------------------------------- what others may have written */

static void put_header(uint8_t version, uint16_t flags)
{
    const uint8_t versions[] = {version, version == 128 ? 128 : 1};

    buffer_clear(&envelope);
    assert_int_equal(buffer_append(&envelope, versions, 2), 0);
    assert_int_equal(buffer_append(&envelope, "\0\012\0\0\0\0\0", 8), 0);
    big_endian_put16(envelope.data + 4, flags);
}

static void put_tlv(uint16_t tag, const void *value, size_t size)
{
    assert_int_equal(tlv_append(&envelope, tag, (struct swtpm_bytes){value, size}), 0);
}

static TPM_RESULT unwrap_made(const struct state_key *key)
{
    big_endian_put32(envelope.data + 6, (uint32_t)envelope.size);
    return unwrap(key);
}

static void the_plain_version_1_is_read(void **state)
{
    (void)state;
    put_header(1, 0);
    assert_int_equal(buffer_append(&envelope, SECRET, strlen(SECRET)), 0);
    assert_int_equal(unwrap_made(NULL), TPM_SUCCESS);
    assert_int_equal(plain.size, strlen(SECRET));
    assert_memory_equal(plain.data, SECRET, strlen(SECRET));
}

/* Version 1 (doc/state-format.md §4.3): AES-CBC with a zero IV over digest, data and padding. */
static void put_version_1_content(char fill, uint8_t *content, size_t size)
{
    static const uint8_t iv[16];
    uint8_t key[16];

    memset(key, fill, sizeof key);
    assert_int_equal(crypto_cbc(linked_crypto(), SWTPM_AES_128, SWTPM_ENCRYPT,
                                (struct swtpm_bytes){key, sizeof key},
                                (struct swtpm_bytes){iv, sizeof iv},
                                (struct swtpm_bytes){content, size},
                                (struct swtpm_buffer){content, size}, &error), 0);
    put_header(1, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    assert_int_equal(buffer_append(&envelope, content, size), 0);
}

static void put_version_1(char fill, size_t data_size, uint8_t padding)
{
    uint8_t content[32 + 64] = {0};

    memset(content + 32, 'd', data_size);
    memset(content + 32 + data_size, padding, padding);
    assert_int_equal(crypto_digest(linked_crypto(), SWTPM_SHA256,
                                   (struct swtpm_bytes){content + 32, data_size},
                                   (struct swtpm_buffer){content, 32}, &error), 0);
    put_version_1_content(fill, content, 32 + data_size + padding);
}

/* Nothing but padding: shorter than a digest. */
static void put_short_version_1(char fill)
{
    uint8_t content[16];

    memset(content, 16, sizeof content);
    put_version_1_content(fill, content, sizeof content);
}

static void the_encrypted_version_1_is_read(void **state)
{
    (void)state;
    struct state_key *key = make_key(1, 'k');
    struct state_key *wrong = make_key(1, 'w');

    put_version_1('k', 20, 12);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    assert_int_equal(plain.size, 20);
    put_version_1('k', 32, 16);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    put_version_1('k', 20, 28);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    put_version_1('k', 0, 16);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    assert_int_equal(plain.size, 0);
    assert_int_equal(unwrap_made(wrong), TPM_DECRYPT_ERROR);
    assert_int_equal(unwrap_made(NULL), TPM_DECRYPT_ERROR);
    state_key_free(key);
    state_key_free(wrong);
}

static void every_changed_byte_of_the_encrypted_version_1_is_refused(void **state)
{
    (void)state;
    struct state_key *key = make_key(1, 'k');

    put_version_1('k', 20, 12);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    for (size_t i = 0; i < envelope.size; i++) {
        envelope.data[i] ^= 0x40;
        if (unwrap(key) == TPM_SUCCESS)
            fail_msg("byte %zu", i);
        envelope.data[i] ^= 0x40;
    }
    /* Sizes that are no multiple of the block, or too short for the digest. */
    for (size_t size = 11; size < envelope.size; size++) {
        big_endian_put32(envelope.data + 6, (uint32_t)size);
        assert_int_equal(unwrap_bytes(key, envelope.data, size), TPM_DECRYPT_ERROR);
    }
    put_version_1('k', 0, 0);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    put_short_version_1('k');
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    state_key_free(key);
}

static void tlvs_are_found_in_any_order_among_unknown_ones(void **state)
{
    (void)state;
    struct state_key *key = make_key(1, 'k');
    struct buffer made = {0};
    struct swtpm_bytes tlvs;
    struct swtpm_bytes ciphertext;
    struct swtpm_bytes hmac;
    struct swtpm_bytes iv;

    wrap(key, SECRET, strlen(SECRET));
    buffer_move(&made, &envelope);
    tlvs = (struct swtpm_bytes){made.data + 10, made.size - 10};
    assert_true(tlv_find(tlvs, TLV_ENCRYPTED_STATE, &ciphertext));
    assert_true(tlv_find(tlvs, TLV_HMAC, &hmac));
    assert_true(tlv_find(tlvs, TLV_STATE_IV, &iv));
    put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    put_tlv(4711, "unknown", 7);
    put_tlv(TLV_STATE_IV, iv.data, iv.size);
    put_tlv(TLV_STATE, "not this", 8);
    put_tlv(TLV_HMAC, hmac.data, hmac.size);
    put_tlv(0xffff, NULL, 0);
    put_tlv(TLV_ENCRYPTED_STATE, ciphertext.data, ciphertext.size);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    assert_int_equal(plain.size, strlen(SECRET));
    put_tlv(TLV_HMAC, hmac.data, hmac.size);
    assert_int_equal(unwrap_made(key), TPM_FAIL);
    assert_error_says("two items");
    buffer_free(&made);
    state_key_free(key);
}

static void items_of_an_encrypted_state_that_are_missing_or_odd_are_refused(void **state)
{
    (void)state;
    struct state_key *key = make_key(1, 'k');
    static const uint8_t zeros[48];

    put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    assert_int_equal(unwrap_made(key), TPM_FAIL);
    put_tlv(TLV_ENCRYPTED_STATE, zeros, 16);
    assert_int_equal(unwrap_made(key), TPM_FAIL);
    assert_error_says("HMAC");
    put_tlv(TLV_HMAC, zeros, 31);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    put_tlv(TLV_ENCRYPTED_STATE, zeros, 15);
    put_tlv(TLV_HMAC, zeros, 32);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    put_tlv(TLV_ENCRYPTED_STATE, zeros, 16);
    put_tlv(TLV_HMAC, zeros, 32);
    put_tlv(TLV_STATE_IV, zeros, 12);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    assert_error_says("IV");
    state_key_free(key);
}

/* As the first writers of version 2 did. */
static void an_encrypted_state_without_iv_is_read_with_an_iv_of_zeros(void **state)
{
    (void)state;
    struct state_key *key = make_key(1, 'k');
    static const uint8_t zeros[16];
    uint8_t content[16];
    uint8_t hmac[32];
    uint8_t raw[16];

    memset(raw, 'k', sizeof raw);
    memset(content, 4, sizeof content);
    struct swtpm_bytes bytes = {content, sizeof content};
    struct swtpm_bytes raw_key = {raw, sizeof raw};
    assert_int_equal(crypto_cbc(linked_crypto(), SWTPM_AES_128, SWTPM_ENCRYPT, raw_key,
                                (struct swtpm_bytes){zeros, sizeof zeros}, bytes,
                                (struct swtpm_buffer){content, sizeof content}, &error), 0);
    assert_int_equal(crypto_hmac(linked_crypto(), SWTPM_SHA256, raw_key, bytes,
                                 (struct swtpm_buffer){hmac, sizeof hmac}, &error), 0);
    put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
    put_tlv(TLV_ENCRYPTED_STATE, content, sizeof content);
    put_tlv(TLV_HMAC, hmac, sizeof hmac);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    assert_int_equal(plain.size, 12);
    state_key_free(key);
}

/* Put together here in the words of doc/state-format.md, section 5. */
static void a_gcm_state_made_by_the_document_opens(void **state)
{
    (void)state;
    static const uint8_t header[] = {128, 128, 0, 10, 0, 9, 0, 0, 0, 10 + 6 + 32 + 12 + 4 + 16};
    static const uint8_t salt[32] = {'s', 'a', 'l', 't'};
    static const uint8_t nonce[12] = {'n', 'o', 'n', 'c', 'e'};
    struct state_key *key = make_key(3, 'k');
    uint8_t raw[32];
    uint8_t cipher_key[32];
    uint8_t associated[sizeof "tpm2-00.permall" + sizeof header];
    uint8_t item[32 + 12 + 4 + 16];

    memset(raw, 'k', sizeof raw);
    assert_int_equal(crypto_hkdf(linked_crypto(), SWTPM_SHA256,
                                 (struct swtpm_bytes){raw, sizeof raw},
                                 (struct swtpm_bytes){salt, sizeof salt},
                                 (struct swtpm_bytes){"swtpm_cuse state", 16},
                                 (struct swtpm_buffer){cipher_key, sizeof cipher_key}, &error), 0);
    memcpy(associated, "tpm2-00.permall", sizeof "tpm2-00.permall");
    memcpy(associated + sizeof "tpm2-00.permall", header, sizeof header);
    memcpy(item, salt, sizeof salt);
    memcpy(item + 32, nonce, sizeof nonce);
    assert_int_equal(crypto_aead(linked_crypto(), SWTPM_AES_256, SWTPM_ENCRYPT,
                                 (struct swtpm_bytes){cipher_key, sizeof cipher_key},
                                 (struct swtpm_bytes){nonce, sizeof nonce},
                                 (struct swtpm_bytes){associated, sizeof associated},
                                 (struct swtpm_bytes){"data", 4},
                                 (struct swtpm_buffer){item + 44, 20}, &error), 0);
    put_header(128, ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS);
    put_tlv(0x8002, item, sizeof item);
    assert_int_equal(unwrap_made(key), TPM_SUCCESS);
    assert_int_equal(plain.size, 4);
    assert_memory_equal(plain.data, "data", 4);
    state_key_free(key);
}

static void a_gcm_item_without_room_for_its_parts_is_refused(void **state)
{
    (void)state;
    struct state_key *key = make_key(3, 'k');
    static const uint8_t zeros[60];

    put_header(128, ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS);
    put_tlv(TLV_GCM_STATE, zeros, 59);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    assert_error_says("59 bytes");
    put_header(128, ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS);
    put_tlv(TLV_GCM_STATE, zeros, 60);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    assert_error_says("tag");
    state_key_free(key);
}

static void derivation_parameters_of_an_odd_size_or_method_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 20, 70};
    static const uint8_t parameters[70] = {1, 0, 3, 0x34, 0x50};
    static const uint8_t other_method[37] = {2, 0, 3, 0x34, 0x50};
    struct state_key *key = make_key(5, 'k');

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put_header(128, ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS);
        put_tlv(TLV_STATE_DERIVATION, parameters, sizes[i]);
        assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
        assert_error_says("bytes of key derivation parameters");
    }
    put_header(128, ENVELOPE_ENCRYPTED_BY_STATE_KEY | ENVELOPE_STATE_KEY_256_BITS);
    put_tlv(TLV_STATE_DERIVATION, other_method, sizeof other_method);
    assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
    assert_error_says("method 2");
    state_key_free(key);
}

static void what_is_described_needs_no_key(void **state)
{
    (void)state;
    static const char *const names[MODES] = {"plain",       "aes-128-cbc", "aes-256-cbc",
                                             "aes-256-gcm", "aes-128-cbc", "aes-256-gcm"};
    struct envelope_description description;

    for (size_t mode = 0; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        struct swtpm_bytes bytes = {envelope.data, envelope.size};
        assert_int_equal(envelope_describe(bytes, &description, &error), TPM_SUCCESS);
        assert_string_equal(description.mode, names[mode]);
        assert_int_equal(description.strong, mode >= 4);
        assert_int_equal(description.version, mode >= 3 ? 128 : 2);
        assert_false(description.migration);
        bytes.size--;
        assert_int_equal(envelope_describe(bytes, &description, &error), TPM_FAIL);
        state_key_free(key);
    }
}

/* Padding that verifies but is wrong can only come from a writer with the key. */
static void wrong_padding_is_refused(void **state)
{
    (void)state;
    static const uint8_t endings[][2] = {{4, 0}, {0, 33}, {3, 2}, {0, 17}};
    struct state_key *key = make_key(1, 'k');
    static const uint8_t iv[16];
    uint8_t raw[16];

    memset(raw, 'k', sizeof raw);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        uint8_t content[16 + 16] = {0};
        uint8_t hmac[32];
        memcpy(content + 14, endings[i], 2);
        struct swtpm_bytes raw_key = {raw, sizeof raw};
        assert_int_equal(crypto_cbc(linked_crypto(), SWTPM_AES_128, SWTPM_ENCRYPT, raw_key,
                                    (struct swtpm_bytes){iv, 16}, (struct swtpm_bytes){content, 16},
                                    (struct swtpm_buffer){content, 16}, &error), 0);
        assert_int_equal(crypto_hmac(linked_crypto(), SWTPM_SHA256, raw_key,
                                     (struct swtpm_bytes){content, 32},
                                     (struct swtpm_buffer){hmac, 32}, &error), 0);
        put_header(2, ENVELOPE_ENCRYPTED_BY_STATE_KEY);
        put_tlv(TLV_ENCRYPTED_STATE, content, 16);
        put_tlv(TLV_HMAC, hmac, 32);
        put_tlv(TLV_STATE_IV, iv, 16);
        assert_int_equal(unwrap_made(key), TPM_DECRYPT_ERROR);
        assert_error_says("padding");
    }
    state_key_free(key);
}

static void flags_that_no_state_has_are_refused(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        put_header(2, (uint16_t)(1U << bit));
        put_tlv(TLV_STATE, "x", 1);
        assert_int_equal(unwrap_made(NULL), bit == 0 ? TPM_DECRYPT_ERROR : TPM_FAIL);
    }
    put_header(2, ENVELOPE_IS_MIGRATION_DATA);
    assert_int_equal(unwrap_made(NULL), TPM_FAIL);
    assert_error_says("import");
}

static void items_of_our_own_do_not_count_in_older_versions(void **state)
{
    (void)state;
    struct state_key *key = make_key(3, 'k');

    wrap(key, SECRET, strlen(SECRET));
    envelope.data[0] = 2;
    envelope.data[1] = 1;
    assert_int_equal(unwrap(key), TPM_DECRYPT_ERROR);
    state_key_free(key);
}

static void a_plain_state_without_content_is_refused(void **state)
{
    (void)state;
    put_header(2, 0);
    put_tlv(TLV_MIGRATION, "x", 1);
    assert_int_equal(unwrap_made(NULL), TPM_FAIL);
    assert_error_says("no content");
}

static void a_state_above_the_limit_is_refused(void **state)
{
    (void)state;
    assert_int_equal(envelope_wrap(NULL, TPM_VERSION_2_0, STATE_PERMANENT,
                                   (struct swtpm_bytes){SECRET, ENVELOPE_STATE_MAX + 1}, &envelope,
                                   &error), TPM_FAIL);
    assert_error_says("too large");
}

/* ------------------------------------------------------------------------------- when it fails */

static void each_failure_of_the_crypto_plugin_is_told_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        bool failed = true;
        for (unsigned call = 0; failed; call++) {
            linked_crypto_break(call, SWTPM_PLUGIN_NO_MEMORY);
            buffer_free(&envelope);
            TPM_RESULT result =
                envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT,
                              (struct swtpm_bytes){SECRET, strlen(SECRET)}, &envelope, &error);
            failed = linked_crypto_has_failed();
            assert_int_equal(result, failed ? TPM_RESOURCES : TPM_SUCCESS);
            assert_true((envelope.data == NULL) == failed);
        }
        failed = true;
        for (unsigned call = 0; failed; call++) {
            linked_crypto_break(call, SWTPM_PLUGIN_IO);
            TPM_RESULT result = unwrap(key);
            failed = linked_crypto_has_failed();
            assert_int_equal(result, failed ? TPM_IOERROR : TPM_SUCCESS);
            assert_true((plain.data == NULL) == failed);
        }
        buffer_free(&plain);
        state_key_free(key);
    }
}

static void each_failed_allocation_is_told_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t mode = 0; mode < MODES; mode++) {
        struct state_key *key = make_key(mode, 'k');
        wrap(key, SECRET, strlen(SECRET));
        bool failed = true;
        for (unsigned n = 0; failed; n++) {
            failing_memory_start(n);
            buffer_free(&envelope);
            TPM_RESULT result =
                envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT,
                              (struct swtpm_bytes){SECRET, strlen(SECRET)}, &envelope, &error);
            failed = failing_memory_end();
            assert_int_equal(result, failed ? TPM_RESOURCES : TPM_SUCCESS);
            assert_true((envelope.data == NULL) == failed);
        }
        struct swtpm_bytes bytes = {envelope.data, envelope.size};
        failed = true;
        for (unsigned n = 0; failed; n++) {
            failing_memory_start(n);
            buffer_free(&plain);
            TPM_RESULT result = envelope_unwrap(key, TPM_VERSION_2_0, STATE_PERMANENT, bytes,
                                                &plain, &error);
            failed = failing_memory_end();
            assert_int_equal(result, failed ? TPM_RESOURCES : TPM_SUCCESS);
            assert_true((plain.data == NULL) == failed);
        }
        state_key_free(key);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_wrapped_is_unwrapped_in_every_mode_and_size),
        TEST(encrypted_states_do_not_hold_the_plain_bytes),
        TEST(the_same_state_is_encrypted_differently_each_time),
        TEST(cbc_states_have_the_form_of_the_original),
        TEST(what_only_this_program_reads_says_so_in_its_versions),
        TEST(a_wrong_key_is_refused),
        TEST(a_key_of_another_kind_is_refused),
        TEST(every_flipped_bit_of_an_encrypted_state_is_refused),
        TEST(every_shorter_part_of_a_state_is_refused),
        TEST(a_gcm_state_belongs_to_its_name_and_tpm_version),
        TEST(a_strong_key_is_derived_once_for_each_salt),
        TEST(a_salt_under_which_nothing_opened_is_not_used_for_new_states),
        TEST(an_iv_cannot_be_passed_off_as_ciphertext_in_a_strong_state),
        TEST(a_long_passphrase_is_more_than_its_start),
        TEST(weak_or_endless_derivations_are_refused_at_once),
        TEST(the_plain_version_1_is_read),
        TEST(the_encrypted_version_1_is_read),
        TEST(every_changed_byte_of_the_encrypted_version_1_is_refused),
        TEST(tlvs_are_found_in_any_order_among_unknown_ones),
        TEST(items_of_an_encrypted_state_that_are_missing_or_odd_are_refused),
        TEST(an_encrypted_state_without_iv_is_read_with_an_iv_of_zeros),
        TEST(a_gcm_state_made_by_the_document_opens),
        TEST(a_gcm_item_without_room_for_its_parts_is_refused),
        TEST(derivation_parameters_of_an_odd_size_or_method_are_refused),
        TEST(what_is_described_needs_no_key),
        TEST(wrong_padding_is_refused),
        TEST(flags_that_no_state_has_are_refused),
        TEST(items_of_our_own_do_not_count_in_older_versions),
        TEST(a_plain_state_without_content_is_refused),
        TEST(a_state_above_the_limit_is_refused),
        TEST(each_failure_of_the_crypto_plugin_is_told_and_changes_nothing),
        TEST(each_failed_allocation_is_told_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
