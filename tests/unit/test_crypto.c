/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/crypto.h"
#include "plugin_files.h"

static char *directory;
static const struct crypto *echo;

static int load_echo(void **state)
{
    (void)state;
    struct error error;

    directory = plugin_directory_make();
    plugin_file_copy(directory, "crypto-echo.so", "crypto-echo.so");
    const struct plugin_search search = {.directory = directory};
    if (crypto_load(&search, "echo", &echo, &error) != 0)
        fail_msg("%s", error.text);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    plugin_directory_remove(directory);
    return 0;
}

static struct swtpm_bytes text(const char *string)
{
    return (struct swtpm_bytes){.data = string, .size = strlen(string) + 1};
}

/* The plugin's output is the text of what it was asked for. */
static char answer[256];
static const struct swtpm_buffer output = {.data = answer, .size = sizeof answer};

static void each_op_gets_its_arguments(void **state)
{
    (void)state;
    struct error error;

    assert_int_equal(crypto_random(echo, output, &error), 0);
    assert_string_equal(answer, "random");
    assert_int_equal(crypto_digest(echo, SWTPM_SHA512, text("in"), output, &error), 0);
    assert_string_equal(answer, "digest 2 input=in");
    assert_int_equal(crypto_hmac(echo, SWTPM_SHA256, text("k"), text("in"), output, &error), 0);
    assert_string_equal(answer, "hmac 1 key=k input=in");
    assert_int_equal(crypto_cbc(echo, SWTPM_AES_256, SWTPM_ENCRYPT, text("k"), text("v"),
                                text("in"), output, &error), 0);
    assert_string_equal(answer, "cbc 2 1 key=k iv=v input=in");
    assert_int_equal(crypto_aead(echo, SWTPM_AES_128, SWTPM_DECRYPT, text("k"), text("n"),
                                 text("ad"), text("in"), output, &error), 0);
    assert_string_equal(answer, "aead 1 2 key=k nonce=n data=ad input=in");
    assert_int_equal(crypto_hkdf(echo, SWTPM_SHA512, text("k"), text("s"), text("i"), output,
                                 &error), 0);
    assert_string_equal(answer, "hkdf 2 key=k salt=s info=i");
    assert_int_equal(crypto_pbkdf2(echo, SWTPM_SHA512, text("p"), text("s"), 1000, output, &error),
                     0);
    assert_string_equal(answer, "pbkdf2 2 password=p salt=s rounds=1000");
}

static void a_failure_names_the_plugin(void **state)
{
    (void)state;
    struct error error;
    const struct swtpm_buffer short_output = {.data = answer, .size = 3};

    assert_int_equal(crypto_random(echo, short_output, &error), SWTPM_PLUGIN_INVALID);
    assert_string_equal(error.text, "crypto plugin 'echo': wanted room for 7 bytes");
}

/* Who opens a state takes CORRUPT for damage, and an older state in its place. */
static void only_a_tag_speaks_of_damage(void **state)
{
    (void)state;
    struct error error;

    assert_int_equal(crypto_hmac(echo, SWTPM_SHA256, text("k"), text("fail -6"), output, &error),
                     SWTPM_PLUGIN_IO);
    assert_string_equal(error.text, "crypto plugin 'echo': failed as it was told");
    assert_int_equal(crypto_hkdf(echo, SWTPM_SHA256, text("k"), text("fail -6"), text("i"), output,
                                 &error), SWTPM_PLUGIN_IO);
    assert_int_equal(crypto_pbkdf2(echo, SWTPM_SHA512, text("p"), text("fail -4"), 1000, output,
                                   &error), SWTPM_PLUGIN_IO);
    assert_int_equal(crypto_aead(echo, SWTPM_AES_256, SWTPM_DECRYPT, text("k"), text("n"),
                                 text("ad"), text("fail -6"), output, &error),
                     SWTPM_PLUGIN_CORRUPT);
    assert_int_equal(crypto_digest(echo, SWTPM_SHA256, text("fail -7"), output, &error),
                     SWTPM_PLUGIN_UNSUPPORTED);
}

static void the_descriptor_is_the_plugins(void **state)
{
    (void)state;
    assert_string_equal(crypto_descriptor(echo)->name, "echo");
    assert_int_equal(crypto_descriptor(echo)->kind, SWTPM_PLUGIN_CRYPTO);
}

static void loading_twice_gives_the_same(void **state)
{
    (void)state;
    const struct plugin_search search = {.directory = directory};
    const struct crypto *again = NULL;
    struct error error;

    assert_int_equal(crypto_load(&search, "echo", &again, &error), 0);
    assert_ptr_equal(again, echo);
}

static void a_missing_plugin_is_an_error(void **state)
{
    (void)state;
    const struct plugin_search search = {.directory = directory};
    const struct crypto *missing = NULL;
    struct error error;

    assert_int_equal(crypto_load(&search, "missing", &missing, &error), -1);
    assert_null(missing);
    assert_non_null(strstr(error.text, "there is no crypto plugin 'missing'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_op_gets_its_arguments),
        cmocka_unit_test(a_failure_names_the_plugin),
        cmocka_unit_test(only_a_tag_speaks_of_damage),
        cmocka_unit_test(the_descriptor_is_the_plugins),
        cmocka_unit_test(loading_twice_gives_the_same),
        cmocka_unit_test(a_missing_plugin_is_an_error),
    };
    return cmocka_run_group_tests(tests, load_echo, remove_directory);
}
