/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys.h"
#include "linked_crypto.h"
#include "state/key_use.h"
#include "util/log.h"

/* A directory with a key file and a log, removed after each test. */
struct fixture {
    char directory[32];
    char key_path[64];
    char log_path[64];
    struct error error;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    strcpy(fixture.directory, "/tmp/test_key.XXXXXX");
    if (mkdtemp(fixture.directory) == NULL)
        return -1;
    snprintf(fixture.key_path, sizeof fixture.key_path, "%s/key", fixture.directory);
    snprintf(fixture.log_path, sizeof fixture.log_path, "%s/log", fixture.directory);
    const struct log_parameters log = {.path = fixture.log_path, .fd = -1, .level = 1};
    *state = &fixture;
    linked_crypto_break(0, 0);
    return log_open(&log, &fixture.error);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->key_path);
    unlink(fixture->log_path);
    return rmdir(fixture->directory);
}

static void write_key(const struct fixture *fixture, const void *bytes, size_t size, mode_t mode)
{
    int fd = open(fixture->key_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* The log as a string, until the next call. */
static const char *read_log(const struct fixture *fixture)
{
    static char text[4096];
    int fd = open(fixture->log_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, text, sizeof text - 1);
    assert_true(got >= 0);
    close(fd);
    text[got] = '\0';
    return text;
}

static void assert_loads(struct fixture *fixture, const struct key_parameters *parameters,
                         const uint8_t *expected, size_t size)
{
    struct state_key *key = NULL;
    struct key_use use;

    if (state_key_load(parameters, linked_crypto(), &key, &fixture->error) != 0)
        fail_msg("%s", fixture->error.text);
    assert_int_equal(key_use_for_wrapping(key, &use, &fixture->error), 0);
    assert_int_equal(use.bytes.size, size);
    assert_memory_equal(use.bytes.data, expected, size);
    assert_int_equal(use.parameters.size, 0);
    state_key_free(key);
}

/* Refused with a message that names the option and holds `part`, and never tells the key. */
static void assert_refused(struct fixture *fixture, const struct key_parameters *parameters,
                           const char *part)
{
    struct state_key *key = NULL;

    assert_int_equal(state_key_load(parameters, linked_crypto(), &key, &fixture->error), -1);
    assert_null(key);
    if (strstr(fixture->error.text, "option --key: ") != fixture->error.text ||
        strstr(fixture->error.text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, fixture->error.text);
    assert_null(strstr(fixture->error.text, "0123456789abcdef"));
}

static struct key_parameters hex_fd(const char *text)
{
    struct key_parameters parameters = keys_parameters();
    parameters.fd = keys_fd(text, strlen(text));
    return parameters;
}

static struct key_parameters binary_fd(size_t size)
{
    static const char bytes[64];
    struct key_parameters parameters = keys_parameters();
    parameters.fd = keys_fd(bytes, size);
    parameters.format = KEY_FORMAT_BINARY;
    return parameters;
}

static struct key_parameters passphrase_fd(const char *passphrase, enum key_derivation derivation)
{
    struct key_parameters parameters = keys_parameters();
    parameters.password_fd = keys_fd(passphrase, strlen(passphrase));
    parameters.derivation = derivation;
    return parameters;
}

static const uint8_t known[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

static void hexadecimal_keys_may_have_a_prefix_and_end_at_white_space(void **state)
{
    static const char *const texts[] = {
        "0123456789abcdeffedcba9876543210", "0x0123456789abcdeffedcba9876543210\n",
        "0123456789ABCDEFFEDCBA9876543210\nthe rest is not read",
        "0123456789abcdeffedcba9876543210\t"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct key_parameters parameters = hex_fd(texts[i]);
        assert_loads(*state, &parameters, known, sizeof known);
    }
}

static void hexadecimal_keys_of_another_length_are_refused(void **state)
{
    struct key_parameters parameters = hex_fd("0123456789abcdeffedcba987654321");
    assert_refused(*state, &parameters, "31 hexadecimal digits where a key of 128 bits has 32");
    parameters = hex_fd("0123456789abcdeffedcba98765432100");
    assert_refused(*state, &parameters, "33 hexadecimal digits");
    parameters = hex_fd("");
    assert_refused(*state, &parameters, "0 hexadecimal digits");
    parameters = hex_fd("0x");
    assert_refused(*state, &parameters, "0 hexadecimal digits");
    parameters = hex_fd(" 0123456789abcdeffedcba9876543210");
    assert_refused(*state, &parameters, "0 hexadecimal digits");
    parameters = hex_fd("0123456789abcdeffedcba9876543210");
    parameters.mode = KEY_MODE_AES_256_GCM;
    assert_refused(*state, &parameters, "32 hexadecimal digits where a key of 256 bits has 64; for a "
                                        "key of 128 bits say mode=aes-128-cbc");
    parameters = hex_fd("0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210");
    assert_refused(*state, &parameters, "64 hexadecimal digits where a key of 128 bits has 32; for a "
                                        "key of 256 bits say mode=aes-256-cbc or mode=aes-256-gcm");
}

static void a_wrong_digit_is_told_by_its_position(void **state)
{
    struct key_parameters parameters = hex_fd("0123456789abcdefgedcba9876543210");
    assert_refused(*state, &parameters, "byte 17 is not a hexadecimal digit");
    parameters = hex_fd("0x0123456789abcdeffedcba987654321g");
    assert_refused(*state, &parameters, "byte 34");
}

static void binary_keys_have_exactly_the_length_of_the_mode(void **state)
{
    static const uint8_t zeros[32];

    struct key_parameters parameters = binary_fd(16);
    assert_loads(*state, &parameters, zeros, 16);
    parameters = binary_fd(32);
    parameters.mode = KEY_MODE_AES_256_CBC;
    assert_loads(*state, &parameters, zeros, 32);
    parameters = binary_fd(15);
    assert_refused(*state, &parameters, "15 bytes where a key of 128 bits has 16");
    parameters = binary_fd(17);
    assert_refused(*state, &parameters, "17 bytes");
    parameters = binary_fd(0);
    assert_refused(*state, &parameters, "0 bytes");
    parameters = binary_fd(32);
    assert_refused(*state, &parameters, "mode=aes-256-cbc or mode=aes-256-gcm");
    parameters = binary_fd(32);
    assert_refused(*state, &parameters, "format=hex");
}

/* The answers were made with Python: hashlib.pbkdf2_hmac("sha512", b"secret\n", b"swtpm", 1000, 16)
 * and hashlib.sha512(b"secret\n").digest()[:16]. */
static void passphrases_are_derived_as_the_original_does(void **state)
{
    static const uint8_t pbkdf2[] = {0x92, 0xbb, 0x9e, 0xf4, 0xea, 0x65, 0x46, 0x97,
                                     0xa6, 0x5e, 0x16, 0x89, 0xd0, 0xa0, 0x18, 0x5b};
    static const uint8_t sha512[] = {0xea, 0xa1, 0x6b, 0x9c, 0xed, 0x0b, 0x5c, 0x6e,
                                     0xce, 0x7a, 0xae, 0x07, 0xcb, 0x47, 0xc6, 0x71};

    struct key_parameters parameters = passphrase_fd("secret\n", KEY_DERIVATION_PBKDF2);
    assert_loads(*state, &parameters, pbkdf2, sizeof pbkdf2);
    parameters = passphrase_fd("secret\n", KEY_DERIVATION_SHA512);
    assert_loads(*state, &parameters, sha512, sizeof sha512);
}

static void an_empty_passphrase_is_refused(void **state)
{
    struct key_parameters parameters = passphrase_fd("", KEY_DERIVATION_PBKDF2);
    assert_refused(*state, &parameters, "the passphrase is empty");
    parameters = passphrase_fd("", KEY_DERIVATION_PBKDF2_STRONG);
    assert_refused(*state, &parameters, "the passphrase is empty");
}

static void a_key_has_exactly_one_source(void **state)
{
    struct key_parameters parameters = keys_parameters();
    assert_refused(*state, &parameters, "give one of file=");
    parameters.file = "/nonexistent";
    parameters.password_file = "/nonexistent";
    assert_refused(*state, &parameters, "give one of file=");
}

static void a_descriptor_cannot_be_removed(void **state)
{
    struct key_parameters parameters = binary_fd(16);
    parameters.remove = true;
    assert_refused(*state, &parameters, "remove");
    close(parameters.fd);
}

static void a_descriptor_is_closed_once_read(void **state)
{
    static const uint8_t zeros[16];
    struct key_parameters parameters = binary_fd(16);

    assert_loads(*state, &parameters, zeros, 16);
    assert_int_equal(fcntl(parameters.fd, F_GETFD), -1);
    assert_refused(*state, &parameters, "cannot read file descriptor");
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct key_parameters parameters = keys_parameters();
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "0123456789abcdeffedcba9876543210", 32), 32);
    close(ends[1]);
    parameters.fd = ends[0];
    assert_loads(*state, &parameters, known, sizeof known);
}

static void a_key_file_is_read_and_stays(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    write_key(fixture, "0123456789abcdeffedcba9876543210\n", 33, 0600);
    parameters.file = fixture->key_path;
    assert_loads(fixture, &parameters, known, sizeof known);
    assert_int_equal(access(fixture->key_path, F_OK), 0);
    assert_string_equal(read_log(fixture), "");
}

static void a_key_file_is_removed_if_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    write_key(fixture, "0123456789abcdeffedcba9876543210\n", 33, 0600);
    parameters.file = fixture->key_path;
    parameters.remove = true;
    assert_loads(fixture, &parameters, known, sizeof known);
    assert_int_equal(access(fixture->key_path, F_OK), -1);
}

static void a_key_file_that_is_refused_is_not_removed(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    write_key(fixture, "0123456789abcdeffedcba9876543210\n", 33, 0600);
    parameters.file = fixture->key_path;
    parameters.mode = KEY_MODE_AES_256_CBC;
    parameters.remove = true;
    assert_refused(fixture, &parameters, "32 hexadecimal digits");
    assert_int_equal(access(fixture->key_path, F_OK), 0);
}

static void a_file_that_cannot_be_removed_is_refused(void **state)
{
    struct key_parameters parameters = keys_parameters();

    parameters.password_file = "/proc/self/comm";
    parameters.remove = true;
    assert_refused(*state, &parameters, "cannot remove '/proc/self/comm'");
}

static void a_key_file_that_everybody_can_read_gets_a_warning(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    write_key(fixture, "0123456789abcdeffedcba9876543210\n", 33, 0604);
    parameters.file = fixture->key_path;
    assert_loads(fixture, &parameters, known, sizeof known);
    const char *log = read_log(fixture);
    assert_non_null(strstr(log, "warning: option --key: "));
    assert_non_null(strstr(log, fixture->key_path));
    assert_null(strstr(log, "0123456789abcdef"));
}

static void links_and_missing_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    parameters.file = fixture->key_path;
    assert_refused(fixture, &parameters, "No such file");
    assert_int_equal(symlink("/dev/null", fixture->key_path), 0);
    assert_refused(fixture, &parameters, "symbolic link");
    assert_refused(fixture, &parameters, "or open it and use fd=");
    parameters.password_file = fixture->key_path;
    parameters.file = NULL;
    assert_refused(fixture, &parameters, "or open it and use pwdfd=");
}

static void a_fifo_or_device_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct key_parameters parameters = keys_parameters();

    assert_int_equal(mkfifo(fixture->key_path, 0600), 0);
    parameters.file = fixture->key_path;
    assert_refused(fixture, &parameters, fixture->key_path);
    assert_refused(fixture, &parameters, "is a FIFO and no regular file; open it and use fd=");
    parameters.file = NULL;
    parameters.password_file = "/dev/zero";
    assert_refused(fixture, &parameters, "no regular file; open it and use pwdfd=");
}

static void a_file_without_end_is_refused(void **state)
{
    struct key_parameters parameters = keys_parameters();

    parameters.password_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(parameters.password_fd >= 0);
    assert_refused(*state, &parameters, "is not a key");
}

static void a_failing_plugin_is_told(void **state)
{
    static const enum key_derivation derivations[] = {KEY_DERIVATION_PBKDF2,
                                                      KEY_DERIVATION_SHA512};

    for (size_t i = 0; i < 2; i++) {
        struct key_parameters parameters = passphrase_fd("secret", derivations[i]);
        linked_crypto_break(0, SWTPM_PLUGIN_IO);
        assert_refused(*state, &parameters, "linked:");
    }
}

/* Mappings of this process that have both flags of smaps (proc_pid_smaps(5)). */
static unsigned count_mappings(const char *first, const char *second)
{
    char line[512];
    unsigned found = 0;
    FILE *maps = fopen("/proc/self/smaps", "re");

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, first) != NULL &&
            strstr(line, second) != NULL)
            found++;
    fclose(maps);
    return found;
}

static void a_key_stays_out_of_core_dumps(void **state)
{
    (void)state;
    /* The sanitizers have such mappings of their own. */
    unsigned before = count_mappings(" rd wr", " dd");
    struct state_key *key = keys_binary(KEY_MODE_AES_128_CBC, 'k');
    assert_int_equal(count_mappings(" rd wr", " dd"), before + 1);
    state_key_free(key);
    assert_int_equal(count_mappings(" rd wr", " dd"), before);
}

static bool is_watched, was_wiped;

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size)
{
    const uint8_t *bytes = address;

    for (size_t i = 0; is_watched && i < size; i++)
        was_wiped &= bytes[i] == 0;
    return __real_munmap(address, size);
}

static void a_key_is_wiped_before_its_memory_is_given_back(void **state)
{
    (void)state;
    struct state_key *key = keys_binary(KEY_MODE_AES_128_CBC, 'k');

    is_watched = was_wiped = true;
    state_key_free(key);
    is_watched = false;
    assert_true(was_wiped);
}

static void a_key_lies_in_locked_memory(void **state)
{
    (void)state;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(page != MAP_FAILED);
    assert_int_equal(mlock(page, 4096), 0);
    bool works = count_mappings(" rd wr", " lo") > 0;
    munmap(page, 4096);
    if (!works) {
        print_message("skipped: a_key_lies_in_locked_memory: "
                      "the sanitizer makes mlock do nothing\n");
        skip();
    }
    struct state_key *key = keys_binary(KEY_MODE_AES_128_CBC, 'k');
    assert_int_equal(count_mappings(" lo", " dd"), 1);
    state_key_free(key);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hexadecimal_keys_may_have_a_prefix_and_end_at_white_space),
        TEST(hexadecimal_keys_of_another_length_are_refused),
        TEST(a_wrong_digit_is_told_by_its_position),
        TEST(binary_keys_have_exactly_the_length_of_the_mode),
        TEST(passphrases_are_derived_as_the_original_does),
        TEST(an_empty_passphrase_is_refused),
        TEST(a_key_has_exactly_one_source),
        TEST(a_descriptor_cannot_be_removed),
        TEST(a_descriptor_is_closed_once_read),
        TEST(a_pipe_is_read_to_its_end),
        TEST(a_key_file_is_read_and_stays),
        TEST(a_key_file_is_removed_if_asked_for),
        TEST(a_key_file_that_is_refused_is_not_removed),
        TEST(a_file_that_cannot_be_removed_is_refused),
        TEST(a_key_file_that_everybody_can_read_gets_a_warning),
        TEST(links_and_missing_files_are_refused),
        TEST(a_fifo_or_device_is_refused_by_name),
        TEST(a_file_without_end_is_refused),
        TEST(a_failing_plugin_is_told),
        TEST(a_key_stays_out_of_core_dumps),
        TEST(a_key_is_wiped_before_its_memory_is_given_back),
        TEST(a_key_lies_in_locked_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
