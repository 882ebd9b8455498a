/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/options.h"

/* What every daemon needs; other words are added. */
#define NEEDED "--name vtpm0 --tpmstate dir=/state "

enum { WORDS_MAX = 32 };

/* Splits a command line at its blanks and parses it. */
static int parse_line(const char *line, struct config *config, struct error *error)
{
    char words[1024];
    char program[] = "swtpm_cuse";
    char *argv[WORDS_MAX + 2] = {program};
    int argc = 1;

    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc <= WORDS_MAX);
        argv[argc++] = word;
    }
    return options_parse(argc, argv, config, error);
}

static struct config parse(const char *line)
{
    struct config config;
    struct error error;

    if (parse_line(line, &config, &error) != 0)
        fail_msg("'%s': %s", line, error.text);
    return config;
}

/* Each expected piece, separated by '|', must stand in the message. */
static void assert_refused(const char *line, const char *expected)
{
    struct config config;
    struct error error = {.text = ""};
    char pieces[256];

    if (parse_line(line, &config, &error) == 0)
        fail_msg("'%s' was not refused", line);
    snprintf(pieces, sizeof pieces, "%s", expected);
    for (char *piece = strtok(pieces, "|"); piece != NULL; piece = strtok(NULL, "|"))
        if (strstr(error.text, piece) == NULL)
            fail_msg("'%s': '%s' does not say '%s'", line, error.text, piece);
}

static void defaults_are_those_of_the_manual(void **state)
{
    (void)state;
    struct config config = parse(NEEDED);

    assert_int_equal(config.action, CONFIG_SERVE);
    assert_int_equal(config.version, TPM_VERSION_1_2);
    assert_string_equal(config.device_name, "vtpm0");
    assert_int_equal(config.device_major, 0);
    assert_int_equal(config.device_minor, 0);
    assert_int_equal(config.cuse_fd, -1);
    assert_string_equal(config.storage_plugin, "dir");
    assert_string_equal(config.storage_location, "/state");
    assert_int_equal(config.storage_mode, 0640);
    assert_true(config.storage_lock);
    assert_true(config.storage_durable);
    assert_false(config.storage_backup);
    assert_null(config.key.option);
    assert_null(config.migration_key.option);
    assert_string_equal(config.crypto_plugin, "gnutls");
    assert_null(config.log.path);
    assert_int_equal(config.log.fd, -1);
    assert_null(config.pid_file);
    assert_int_equal(config.pid_fd, -1);
    assert_int_equal(config.seccomp_action, CONFIG_SECCOMP_KILL);
    assert_true(config.needs_init);
    assert_true(config.automatic_shutdown);
    assert_int_equal(config.startup, CONFIG_STARTUP_NONE);
    assert_false(config.foreground);
    assert_int_equal(config.capture.fd, -1);
    assert_int_equal(config.profile.fd, -1);
}

static void short_options_are_understood(void **state)
{
    (void)state;
    struct config config = parse("-n vtpm0 -M 10 -m 200 -r tss --tpmstate dir=/state");

    assert_string_equal(config.device_name, "vtpm0");
    assert_int_equal(config.device_major, 10);
    assert_int_equal(config.device_minor, 200);
    assert_string_equal(config.run_as, "tss");
    assert_int_equal(parse("-h").action, CONFIG_HELP);
    assert_int_equal(parse("-v").action, CONFIG_VERSION);
}

static void abbreviations_are_understood_as_getopt_long_does(void **state)
{
    (void)state;
    assert_true(parse(NEEDED "--fore").foreground);
    assert_refused(NEEDED "--print", "--print is ambiguous|--print-states|--print-info");
    assert_refused(NEEDED "--m=1", "--m is ambiguous|--maj|--min|--migration-key");
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("--help --unknown surplus").action, CONFIG_HELP);
    assert_int_equal(parse("--version --unknown").action, CONFIG_VERSION);
}

static void what_is_printed_needs_no_device(void **state)
{
    (void)state;
    assert_int_equal(parse("--print-capabilities").action, CONFIG_PRINT_CAPABILITIES);
    assert_int_equal(parse("--print-profiles").action, CONFIG_PRINT_PROFILES);
    assert_int_equal(parse("--print-plugins").action, CONFIG_PRINT_PLUGINS);
    assert_int_equal(parse("--print-sandbox").action, CONFIG_PRINT_SANDBOX);
    assert_int_equal(parse("--print-states --tpmstate dir=/x").action, CONFIG_PRINT_STATES);
    assert_int_equal(parse("--print-info 0x10").action, CONFIG_PRINT_INFO);
    assert_int_equal(parse("--print-info 0x10").info_flags, 0x10);
    assert_int_equal(parse("--print-info 3").info_flags, 3);
}

static void two_things_to_print_are_refused(void **state)
{
    (void)state;
    assert_refused("--print-plugins --print-info 1",
                   "--print-plugins and --print-info contradict each other");
    assert_int_equal(parse("--print-plugins --print-plugins").action, CONFIG_PRINT_PLUGINS);
}

static void flags_of_print_info_are_numbers(void **state)
{
    (void)state;
    assert_refused("--print-info x", "--print-info|'x'");
    assert_refused("--print-info 0", "--print-info|'0'");
    assert_refused("--print-info -1", "--print-info|'-1'");
    assert_refused("--print-info 256", "--print-info|'256'");
    assert_refused("--print-info 0x10000000000000000", "--print-info");
}

static void unknown_options_are_refused_with_a_suggestion(void **state)
{
    (void)state;
    assert_refused(NEEDED "--tmpstate dir=/x", "unknown option --tmpstate|mean --tpmstate?");
    assert_refused(NEEDED "--runsa=x", "unknown option --runsa;|mean --runas?");
    assert_refused(NEEDED "--vtpm-proxy", "unknown option --vtpm-proxy; --help");
    assert_refused(NEEDED "-x", "unknown option -x; --help");
    assert_refused(NEEDED "-M 1 -Z", "unknown option -Z");
}

static void surplus_arguments_are_refused(void **state)
{
    (void)state;
    assert_refused(NEEDED "extra", "surplus argument 'extra'");
    assert_refused("cuse " NEEDED, "surplus argument 'cuse'");
    assert_refused(NEEDED "-- --foreground", "surplus argument '--foreground'");
    assert_refused(NEEDED "--tpm2 true", "surplus argument 'true'");
}

static void arguments_stand_where_they_belong(void **state)
{
    (void)state;
    assert_refused("--tpmstate dir=/state --name", "--name needs an argument: NAME");
    assert_refused("-n", "--name needs an argument");
    assert_refused(NEEDED "--log", "--log needs an argument: a list of sub-options");
    assert_refused(NEEDED "--tpm2=yes", "--tpm2 takes no argument");
    assert_refused("--help=yes", "--help takes no argument");
}

static void an_option_with_an_argument_is_given_once(void **state)
{
    (void)state;
    assert_refused(NEEDED "--name other", "--name was given twice");
    assert_refused(NEEDED "--log level=1 --log prefix=x", "--log was given twice|commas");
    assert_int_equal(parse(NEEDED "--tpm2 --tpm2").version, TPM_VERSION_2_0);
}

static void the_argument_vector_stays_as_it_is(void **state)
{
    (void)state;
    char program[] = "swtpm_cuse", first[] = "--tpmstate", name[] = "--name=vtpm0";
    char list[] = "backend-uri=dir:///state,mode=0600";
    char *argv[] = {program, first, list, name, NULL};
    struct config config;
    struct error error;

    assert_int_equal(options_parse(4, argv, &config, &error), 0);
    assert_string_equal(list, "backend-uri=dir:///state,mode=0600");
    assert_ptr_equal(argv[3], name);
    list[18] = 'X';
    assert_string_equal(config.storage_location, "/state");
}

static void a_device_name_is_checked(void **state)
{
    (void)state;
    assert_string_equal(parse("--name /dev/tpm7 --tpmstate dir=/s").device_name, "tpm7");
    assert_refused("--tpmstate dir=/s", "--name is missing");
    assert_refused("--name /dev/ --tpmstate dir=/s", "--name|empty");
    assert_refused("--name a/b --tpmstate dir=/s", "--name|'a/b'|'/'");
    assert_refused("--name .. --tpmstate dir=/s", "--name|'..'|directory");
}

static void device_numbers_are_limited(void **state)
{
    (void)state;
    assert_int_equal(parse(NEEDED "--maj 65535 --min=0").device_major, 65535);
    assert_refused(NEEDED "--maj 65536", "--maj|'65536'|0 to 65535");
    assert_refused(NEEDED "--min -1", "--min|'-1'");
    assert_refused(NEEDED "--min=", "--min|''");
    assert_refused(NEEDED "-M ten", "--maj|'ten'");
}

static void the_state_has_one_place(void **state)
{
    (void)state;
    struct config config = parse("-n a --tpmstate backend-uri=lmdb:///a#b,mode=0,lock=0,backup");

    assert_string_equal(config.storage_plugin, "lmdb");
    assert_string_equal(config.storage_location, "/a#b");
    assert_int_equal(config.storage_mode, 0);
    assert_false(config.storage_lock);
    assert_true(config.storage_backup);
    assert_refused("-n a --tpmstate dir=/a,backend-uri=dir:///a", "'dir' and 'backend-uri'");
    assert_refused("-n a --tpmstate backend-uri=/a", "--tpmstate|'backend-uri'|'/a'");
    assert_refused("-n a --tpmstate backend-uri=../x://a", "--tpmstate|'backend-uri'");
    assert_refused("-n a --tpmstate dir=", "--tpmstate|'dir'|empty");
}

static void tpm_path_names_the_place_where_no_option_does(void **state)
{
    (void)state;
    assert_refused("-n a", "--tpmstate|TPM_PATH");
    assert_refused("-n a --tpmstate mode=0600", "--tpmstate|TPM_PATH");
    assert_refused("--print-states", "--tpmstate|TPM_PATH");

    setenv("TPM_PATH", "/from/environment", 1);
    struct config config = parse("-n a --tpmstate mode=0600,fsync=false");
    struct config overridden = parse(NEEDED);
    setenv("TPM_PATH", "", 1);
    assert_refused("-n a", "--tpmstate|TPM_PATH");
    unsetenv("TPM_PATH");

    assert_string_equal(config.storage_plugin, "dir");
    assert_string_equal(config.storage_location, "/from/environment");
    assert_int_equal(config.storage_mode, 0600);
    assert_false(config.storage_durable);
    assert_string_equal(overridden.storage_location, "/state");
}

static void keys_are_described(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--key file=/k,format=binary,mode=aes-256-cbc,remove "
                                        "--migration-key pwdfile=/p,kdf=pbkdf2-strong,require");

    assert_string_equal(config.key.option, "--key");
    assert_string_equal(config.key.file, "/k");
    assert_int_equal(config.key.format, KEY_FORMAT_BINARY);
    assert_int_equal(config.key.mode, KEY_MODE_AES_256_CBC);
    assert_true(config.key.remove);
    assert_int_equal(config.key.fd, -1);
    assert_string_equal(config.migration_key.option, "--migration-key");
    assert_string_equal(config.migration_key.password_file, "/p");
    assert_int_equal(config.migration_key.derivation, KEY_DERIVATION_PBKDF2_STRONG);
    assert_int_equal(config.migration_key.mode, KEY_MODE_AES_128_CBC);
    assert_true(config.migration_key.require);
    assert_int_equal(config.migration_key.password_fd, -1);
}

static void keys_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    assert_refused(NEEDED "--key mode=aes-cbc", "--key|missing|'file'|'pwdfd'");
    assert_refused(NEEDED "--key file=/k,fd=0", "--key|'file' and 'fd'");
    assert_refused(NEEDED "--key file=/k,pwdfile=/p", "--key|'file' and 'pwdfile'");
    assert_refused(NEEDED "--key file=/k,kdf=sha512", "--key|'file' and 'kdf'");
    assert_refused(NEEDED "--key pwdfile=/p,format=hex", "--key|'pwdfile' and 'format'");
    assert_refused(NEEDED "--key fd=0,remove", "--key|'fd' and 'remove'");
    assert_refused(NEEDED "--key file=/k,format=raw", "--key|'raw'|hex, binary");
    assert_refused(NEEDED "--key file=/k,require", "--key|unknown sub-option 'require'");
    assert_refused(NEEDED "--migration-key file=/k,mode=aes", "--migration-key|'mode'|'aes'");
}

static void startup_flags_imply_not_need_init(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--flags startup-state,disable-auto-shutdown");

    assert_int_equal(config.startup, CONFIG_STARTUP_STATE);
    assert_false(config.needs_init);
    assert_false(config.automatic_shutdown);
    assert_int_equal(parse(NEEDED "--flags startup-clear").startup, CONFIG_STARTUP_CLEAR);
    assert_false(parse(NEEDED "--flags startup-deactivated").needs_init);
    assert_true(parse(NEEDED "--flags startup-none").needs_init);
    assert_false(parse(NEEDED "--flags startup-none,not-need-init").needs_init);
    assert_int_equal(parse(NEEDED "--flags not-need-init").startup, CONFIG_STARTUP_NONE);
    assert_true(parse(NEEDED "--flags startup-clear=false").needs_init);
}

static void one_startup_at_most(void **state)
{
    (void)state;
    assert_refused(NEEDED "--flags startup-clear,startup-state", "'startup-clear' and 'startup-s");
    assert_refused(NEEDED "--flags startup-none,startup-clear", "--flags|contradict");
    assert_refused(NEEDED "--tpm2 --flags startup-deactivated", "--tpm2|startup-deactivated");
}

static void the_log_is_described(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--log file=/l,level=20,prefix=p:,truncate,timestamps");

    assert_string_equal(config.log.path, "/l");
    assert_int_equal(config.log.level, 20);
    assert_string_equal(config.log.prefix, "p:");
    assert_true(config.log.truncate);
    assert_true(config.log.timestamps);
    assert_string_equal(parse(NEEDED "--log prefix=").log.prefix, "");
    assert_string_equal(parse(NEEDED "--log file=-").log.path, "-");
    assert_int_equal(parse(NEEDED "--log fd=2").log.fd, 2);
    assert_refused(NEEDED "--log file=/l,fd=2", "--log|'file' and 'fd'");
    assert_refused(NEEDED "--log fd=2,truncate", "--log|'fd' and 'truncate'");
    assert_refused(NEEDED "--log level=high", "--log|'level'|'high'");
}

static void localities_seccomp_and_migration_are_described(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--locality reject-locality-4 --seccomp action=log "
                                        "--migration incoming,release-lock-outgoing");

    assert_true(config.reject_locality_4);
    assert_false(config.allow_set_locality);
    assert_int_equal(config.seccomp_action, CONFIG_SECCOMP_LOG);
    assert_true(config.migration_incoming);
    assert_true(config.migration_release_lock);
    assert_refused(NEEDED "--seccomp action=allow", "--seccomp|'allow'|kill, log, none");
    assert_refused(NEEDED "--seccomp kill", "--seccomp|unknown sub-option 'kill'");
    assert_refused(NEEDED "--seccomp ,", "--seccomp|missing|'action'");
    assert_refused("-n a --tpmstate dir=/a,lock=false --migration release-lock-outgoing",
                   "--migration|lock=false|contradict");
}

static void a_profile_has_one_source_and_needs_a_tpm_2(void **state)
{
    (void)state;
    struct config config =
        parse(NEEDED "--tpm2 --profile profile={\"Name\":\"a,b\"},remove-disabled=check");

    assert_string_equal(config.profile.json, "{\"Name\":\"a,b\"}");
    assert_string_equal(config.profile.remove_disabled, "check");
    assert_refused(NEEDED "--profile name=x", "--profile|TPM 1.2|--tpm2");
    assert_refused(NEEDED "--tpm2 --profile name=x,file=/x", "--profile|'name' and 'file'");
    assert_refused(NEEDED "--tpm2 --profile remove-disabled=check", "--profile|missing");
    assert_refused(NEEDED "--tpm2 --profile name=x,remove-disabled=all", "--profile|'all'");
}

static void the_capture_is_described(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--pcap file=/c,mode=0600,truncate,checksums");

    assert_string_equal(config.capture.file, "/c");
    assert_int_equal(config.capture.mode, 0600);
    assert_true(config.capture.truncate);
    assert_true(config.capture.checksums);
    assert_int_equal(parse(NEEDED "--pcap file=/c").capture.mode, 0640);
    assert_refused(NEEDED "--pcap truncate", "--pcap|missing|'file' or 'fd'");
    assert_refused(NEEDED "--pcap fd=1,mode=0600", "--pcap|'fd' and 'mode'");
}

static void the_pid_goes_to_a_file_or_descriptor(void **state)
{
    (void)state;
    char path[] = "/tmp/test_options.XXXXXX";
    char line[128];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    snprintf(line, sizeof line, NEEDED "--pid fd=%d", fd);
    assert_int_equal(parse(line).pid_fd, fd);
    snprintf(line, sizeof line, NEEDED "--pid fd=%d --log fd=%d", fd, fd);
    assert_refused(line, "--log fd and --pid fd|same file descriptor");
    close(fd);
    assert_refused(line, "--pid|not open");

    assert_string_equal(parse(NEEDED "--pid file=/p").pid_file, "/p");
    assert_refused(NEEDED "--pid file=", "--pid|'file'|empty");
}

static void plugins_are_named_safely(void **state)
{
    (void)state;
    struct config config = parse(NEEDED "--plugin-dir /p --crypto my-crypto");

    assert_string_equal(config.plugin_search.directory, "/p");
    assert_string_equal(config.crypto_plugin, "my-crypto");
    assert_refused(NEEDED "--plugin-dir plugins", "--plugin-dir|'plugins'|absolute");
    assert_refused(NEEDED "--crypto ../x", "--crypto|'../x'");
    assert_refused(NEEDED "--crypto=", "--crypto|empty");
}

static void only_root_changes_the_root(void **state)
{
    (void)state;
    const char *line = NEEDED "-R /jail";

    if (geteuid() != 0) {
        assert_refused(line, "--chroot|only root|uid");
        return;
    }
    assert_string_equal(parse(line).root, "/jail");
    assert_int_equal(seteuid(65534), 0);
    assert_refused(line, "--chroot|only root|uid 65534");
    assert_int_equal(seteuid(0), 0);
}

static void the_channel_is_an_open_descriptor(void **state)
{
    (void)state;
    assert_int_equal(parse(NEEDED "--cuse-fd 0").cuse_fd, 0);
    assert_refused(NEEDED "--cuse-fd 987", "--cuse-fd|987|not open");
    assert_refused(NEEDED "--cuse-fd /dev/cuse", "--cuse-fd|'/dev/cuse'|not the number");
    assert_refused(NEEDED "--cuse-fd 0 --key fd=0", "--cuse-fd and --key fd|descriptor 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_manual),
        cmocka_unit_test(short_options_are_understood),
        cmocka_unit_test(abbreviations_are_understood_as_getopt_long_does),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(what_is_printed_needs_no_device),
        cmocka_unit_test(two_things_to_print_are_refused),
        cmocka_unit_test(flags_of_print_info_are_numbers),
        cmocka_unit_test(unknown_options_are_refused_with_a_suggestion),
        cmocka_unit_test(surplus_arguments_are_refused),
        cmocka_unit_test(arguments_stand_where_they_belong),
        cmocka_unit_test(an_option_with_an_argument_is_given_once),
        cmocka_unit_test(the_argument_vector_stays_as_it_is),
        cmocka_unit_test(a_device_name_is_checked),
        cmocka_unit_test(device_numbers_are_limited),
        cmocka_unit_test(the_state_has_one_place),
        cmocka_unit_test(tpm_path_names_the_place_where_no_option_does),
        cmocka_unit_test(keys_are_described),
        cmocka_unit_test(keys_that_contradict_themselves_are_refused),
        cmocka_unit_test(startup_flags_imply_not_need_init),
        cmocka_unit_test(one_startup_at_most),
        cmocka_unit_test(the_log_is_described),
        cmocka_unit_test(localities_seccomp_and_migration_are_described),
        cmocka_unit_test(a_profile_has_one_source_and_needs_a_tpm_2),
        cmocka_unit_test(the_capture_is_described),
        cmocka_unit_test(the_pid_goes_to_a_file_or_descriptor),
        cmocka_unit_test(plugins_are_named_safely),
        cmocka_unit_test(only_root_changes_the_root),
        cmocka_unit_test(the_channel_is_an_open_descriptor),
    };
    unsetenv("TPM_PATH");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
