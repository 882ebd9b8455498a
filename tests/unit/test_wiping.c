/* SPDX-License-Identifier: BSD-3-Clause */
/* That keys, and what they open, are wiped by whoever has a copy of them: util, state and the plugin
 * crypto-gnutls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include <cmocka.h>

#include "keys.h"
#include "linked_crypto.h"
#include "state/gcm.h"
#include "swtpm_plugin.h"
#include "util/buffer.h"
#include "util/file.h"
#include "wiped_memory.h"

#define OPS (swtpm_plugin.ops.crypto)
#define BYTES(string) ((struct swtpm_bytes){(string), sizeof(string) - 1})

static const char secret[] = "a state that nobody else may see";

static struct swtpm_plugin_error plugin_error;
static struct error error;

static int forget(void **state)
{
    (void)state;
    wiped_memory_forget();
    return 0;
}

/* ---------------------------------------------------------------------------------- util ----- */

static void a_buffer_wipes_what_it_cleared(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, secret, sizeof secret), 0);
    buffer_clear(&buffer);
    assert_int_equal(wiped_memory_count(secret, sizeof secret), 1);
    buffer_free(&buffer);
}

static void a_buffer_wipes_what_it_grew_out_of(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, secret, sizeof secret), 0);
    assert_int_equal(buffer_reserve(&buffer, 1000), 0);
    assert_int_equal(wiped_memory_count(secret, sizeof secret), 1);
    buffer_free(&buffer);
    assert_int_equal(wiped_memory_count(secret, sizeof secret), 2);
}

static void a_buffer_is_wiped_to_the_end_of_its_memory(void **state)
{
    (void)state;
    struct buffer buffer = {0};

    assert_int_equal(buffer_append(&buffer, secret, sizeof secret), 0);
    buffer.size = 1;
    buffer_free(&buffer);
    assert_int_equal(wiped_memory_count(secret, sizeof secret), 1);
}

static void of_a_file_that_is_too_long_nothing_is_left(void **state)
{
    (void)state;
    struct buffer contents = {0};
    int fd = keys_fd(secret, sizeof secret);

    assert_int_equal(file_read_all(fd, "file", sizeof secret - 1, &contents, &error), -1);
    close(fd);
    assert_int_equal(wiped_memory_count(secret, sizeof secret), 1);
    buffer_free(&contents);
}

/* --------------------------------------------------------------------------------- state ----- */

static void the_digest_of_a_passphrase_is_wiped(void **state)
{
    (void)state;
    uint8_t digest[64];

    assert_int_equal(OPS->digest(SWTPM_SHA512, BYTES("passphrase"),
                                 (struct swtpm_buffer){digest, sizeof digest}, &plugin_error), 0);
    state_key_free(keys_passphrase(KEY_MODE_AES_128_CBC, KEY_DERIVATION_SHA512, "passphrase"));
    assert_int_equal(wiped_memory_count(digest, sizeof digest), 1);
}

enum { KEY_SIZE = 32, SALT_SIZE = 32 };

static const struct gcm_context context = {.label = "label"};

static struct key_use use_of(const uint8_t key[KEY_SIZE])
{
    return (struct key_use){.crypto = linked_crypto(),
                            .option = "--key",
                            .mode = KEY_MODE_AES_256_GCM,
                            .bytes = {key, KEY_SIZE}};
}

/* GnuTLS wipes the copies of its own. */
static unsigned wiped_by_gnutls(const uint8_t cipher_key[KEY_SIZE])
{
    uint8_t tag[SWTPM_GCM_TAG_SIZE];

    wiped_memory_forget();
    assert_int_equal(OPS->aead(SWTPM_AES_256, SWTPM_ENCRYPT,
                               (struct swtpm_bytes){cipher_key, KEY_SIZE}, BYTES("nonce 12 by."),
                               BYTES(""), BYTES(""), (struct swtpm_buffer){tag, sizeof tag},
                               &plugin_error), 0);
    return wiped_memory_count(cipher_key, KEY_SIZE);
}

/* doc/state-format.md: the key of the cipher comes from the salt before it. */
static void assert_cipher_key_wiped(const uint8_t key[KEY_SIZE], const struct buffer *encrypted)
{
    uint8_t cipher_key[KEY_SIZE];

    assert_int_equal(OPS->hkdf(SWTPM_SHA256, (struct swtpm_bytes){key, KEY_SIZE},
                               (struct swtpm_bytes){encrypted->data, SALT_SIZE},
                               (struct swtpm_bytes){context.label, strlen(context.label)},
                               (struct swtpm_buffer){cipher_key, sizeof cipher_key},
                               &plugin_error), 0);
    unsigned wiped = wiped_memory_count(cipher_key, sizeof cipher_key);
    assert_int_equal(wiped, 1 + wiped_by_gnutls(cipher_key));
}

static void the_key_that_gcm_derives_is_wiped(void **state)
{
    (void)state;
    const uint8_t key[KEY_SIZE] = "key";
    const struct key_use use = use_of(key);
    struct buffer encrypted = {0};
    struct buffer plain = {0};

    assert_int_equal(gcm_encrypt(&use, &context, BYTES(secret), &encrypted, &error), 0);
    assert_cipher_key_wiped(key, &encrypted);
    wiped_memory_forget();
    struct swtpm_bytes bytes = {encrypted.data, encrypted.size};
    assert_int_equal(gcm_decrypt(&use, &context, bytes, &plain, &error), TPM_SUCCESS);
    assert_cipher_key_wiped(key, &encrypted);
    wiped_memory_forget();
    encrypted.data[encrypted.size - 1] ^= 1;
    assert_int_equal(gcm_decrypt(&use, &context, bytes, &plain, &error), TPM_DECRYPT_ERROR);
    assert_cipher_key_wiped(key, &encrypted);
    buffer_free(&encrypted);
    buffer_free(&plain);
}

/* -------------------------------------------------------------------------------- plugin ----- */

/* RFC 5869, appendix A.1. */
static void the_pseudorandom_key_of_hkdf_is_wiped(void **state)
{
    (void)state;
    static const uint8_t pseudorandom_key[] = {
        0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f, 0x0d, 0xc4, 0x7b, 0xba, 0x63,
        0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f, 0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5};
    uint8_t key[22];
    uint8_t output[42];

    memset(key, 0x0b, sizeof key);
    assert_int_equal(
        OPS->hkdf(SWTPM_SHA256, (struct swtpm_bytes){key, sizeof key},
                  BYTES("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"),
                  BYTES("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"),
                  (struct swtpm_buffer){output, sizeof output}, &plugin_error), 0);
    assert_int_equal(wiped_memory_count(pseudorandom_key, sizeof pseudorandom_key), 1);
}

static void what_was_decrypted_before_its_tag_verified_is_wiped(void **state)
{
    (void)state;
    const struct swtpm_bytes key = BYTES("0123456789abcdef0123456789abcdef");
    const struct swtpm_bytes nonce = BYTES("nonce 12 by.");
    uint8_t encrypted[sizeof secret - 1 + SWTPM_GCM_TAG_SIZE];
    uint8_t plain[sizeof secret - 1];

    assert_int_equal(OPS->aead(SWTPM_AES_256, SWTPM_ENCRYPT, key, nonce, BYTES(""), BYTES(secret),
                               (struct swtpm_buffer){encrypted, sizeof encrypted}, &plugin_error), 0);
    assert_int_equal(OPS->aead(SWTPM_AES_256, SWTPM_DECRYPT, key, nonce, BYTES(""),
                               (struct swtpm_bytes){encrypted, sizeof encrypted},
                               (struct swtpm_buffer){plain, sizeof plain}, &plugin_error), 0);
    assert_memory_equal(plain, secret, sizeof plain);
    assert_int_equal(wiped_memory_count(secret, sizeof secret - 1), 1);
}

#define TEST(function) cmocka_unit_test_setup(function, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_buffer_wipes_what_it_cleared),
        TEST(a_buffer_wipes_what_it_grew_out_of),
        TEST(a_buffer_is_wiped_to_the_end_of_its_memory),
        TEST(of_a_file_that_is_too_long_nothing_is_left),
        TEST(the_digest_of_a_passphrase_is_wiped),
        TEST(the_key_that_gcm_derives_is_wiped),
        TEST(the_pseudorandom_key_of_hkdf_is_wiped),
        TEST(what_was_decrypted_before_its_tag_verified_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
