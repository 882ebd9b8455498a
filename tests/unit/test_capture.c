/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tpm/capture.h"
#include "util/log.h"
#include "util/pcapng.h"

enum { HANDSHAKE_PACKETS = 3, HEADERS = 40 };

static char directory[] = "/tmp/test_capture.XXXXXX";
static char path[64];
static char log_path[64];
static struct error error;

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/capture", directory);
    snprintf(log_path, sizeof log_path, "%s/log", directory);
    return log_open(&(struct log_parameters){.path = log_path, .fd = -1}, &error);
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(log_path);
    return rmdir(directory);
}

static int close_capture(void **state)
{
    (void)state;
    capture_close();
    unlink(path);
    return truncate(log_path, 0);
}

static struct capture_parameters parameters(void)
{
    return (struct capture_parameters){
        .path = path, .fd = -1, .mode = 0600, .name = "vtpm", .program = "test"};
}

static void exchange(const char *command, const char *response)
{
    capture_command((struct swtpm_bytes){.data = command, .size = strlen(command)});
    capture_response((struct swtpm_bytes){.data = response, .size = strlen(response)});
}

static size_t read_file(const char *name, uint8_t *contents, size_t size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, contents, size);
    close(fd);
    assert_true(got >= 0 && (size_t)got < size);
    return (size_t)got;
}

static size_t log_size(void)
{
    struct stat status;
    assert_int_equal(stat(log_path, &status), 0);
    return (size_t)status.st_size;
}

static uint32_t word(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

struct contents {
    unsigned sections;
    unsigned packets;
    char last_data[32]; /* of the last packet, behind its headers */
    size_t tail;        /* bytes behind the last whole block */
};

static struct contents parse(const char *name)
{
    static uint8_t file[65536];
    struct contents contents = {0};
    size_t size = read_file(name, file, sizeof file);
    size_t at = 0;

    while (size - at >= 12 && word(file + at + 4) <= size - at) {
        uint32_t type = word(file + at);
        contents.sections += type == PCAPNG_SECTION_TYPE;
        contents.packets += type == 6;
        if (type == 6)
            snprintf(contents.last_data, sizeof contents.last_data, "%.*s",
                     (int)(word(file + at + 20) - HEADERS), (char *)file + at + 28 + HEADERS);
        at += word(file + at + 4);
    }
    contents.tail = size - at;
    return contents;
}

static void commands_and_responses_become_packets(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();
    struct stat status;

    mode_t umask_before = umask(0);
    assert_int_equal(capture_open(&wanted, &error), 0);
    umask(umask_before);
    exchange("command", "response");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    struct contents contents = parse(path);
    assert_int_equal(contents.sections, 1);
    assert_int_equal(contents.packets, HANDSHAKE_PACKETS + 2);
    assert_string_equal(contents.last_data, "response");
    assert_int_equal(contents.tail, 0);
}

static void another_start_appends_a_section(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    assert_int_equal(capture_open(&wanted, &error), 0);
    exchange("a", "b");
    capture_close();
    assert_int_equal(capture_open(&wanted, &error), 0);
    exchange("c", "d");
    struct contents contents = parse(path);
    assert_int_equal(contents.sections, 2);
    assert_int_equal(contents.packets, 2 * (HANDSHAKE_PACKETS + 2));
}

static void truncate_begins_anew(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("no capture", file);
    fclose(file);
    assert_int_equal(capture_open(&wanted, &error), -1);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "truncate"));
    wanted.truncate = true;
    assert_int_equal(capture_open(&wanted, &error), 0);
    struct contents contents = parse(path);
    assert_int_equal(contents.sections, 1);
    assert_int_equal(contents.tail, 0);
}

static void links_and_devices_are_refused(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(capture_open(&wanted, &error), -1);
    assert_non_null(strstr(error.text, "--pcap"));
    wanted.path = "/dev/null";
    assert_int_equal(capture_open(&wanted, &error), -1);
    assert_non_null(strstr(error.text, "not a regular file"));
    wanted.path = "/nonexistent/capture";
    assert_int_equal(capture_open(&wanted, &error), -1);
    assert_non_null(strstr(error.text, "/nonexistent/capture"));
}

static void descriptors_that_cannot_be_written_are_refused(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    wanted.path = NULL;
    wanted.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(capture_open(&wanted, &error), -1);
    assert_non_null(strstr(error.text, "not open for writing"));
    assert_int_equal(close(wanted.fd), 0);
    assert_int_equal(capture_open(&wanted, &error), -1);
}

static void a_descriptor_is_continued_at_its_end(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    wanted.path = NULL;
    wanted.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(capture_open(&wanted, &error), 0);
    capture_close();
    assert_int_equal(fcntl(wanted.fd, F_GETFD), -1);
    wanted.fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(capture_open(&wanted, &error), 0);
    assert_int_equal(parse(path).sections, 2);
    capture_close();
    wanted.truncate = true;
    wanted.fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(capture_open(&wanted, &error), 0);
    assert_int_equal(parse(path).sections, 1);
}

static void without_a_destination_nothing_happens(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();

    wanted.path = NULL;
    assert_int_equal(capture_open(&wanted, &error), 0);
    exchange("command", "response");
    assert_int_equal(log_size(), 0);
}

static void a_slow_reader_ends_the_capture_and_stops_nobody(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    wanted.path = NULL;
    wanted.fd = ends[1];
    assert_int_equal(capture_open(&wanted, &error), 0);
    for (unsigned i = 0; i < 2000; i++)
        exchange("a command that nobody reads", "a response that nobody reads");
    size_t size = log_size();
    assert_true(size > 0 && size < 200);
    assert_int_equal(fcntl(ends[1], F_GETFD), -1);
    close(ends[0]);
}

static void a_full_medium_leaves_whole_packets(void **state)
{
    (void)state;
    struct capture_parameters wanted = parameters();
    struct rlimit before, limited;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limited = before;
    limited.rlim_cur = 1001;
    setrlimit(RLIMIT_FSIZE, &limited);
    int opened = capture_open(&wanted, &error);
    for (unsigned i = 0; i < 10; i++)
        exchange("a command of some length", "a response of some length");
    setrlimit(RLIMIT_FSIZE, &before);

    assert_int_equal(opened, 0);
    struct contents contents = parse(path);
    assert_true(contents.packets > HANDSHAKE_PACKETS && contents.packets < 20);
    assert_int_equal(contents.tail, 0);
    size_t size = log_size();
    assert_true(size > 0 && size < 200);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_capture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_and_responses_become_packets),
        TEST(another_start_appends_a_section),
        TEST(truncate_begins_anew),
        TEST(links_and_devices_are_refused),
        TEST(descriptors_that_cannot_be_written_are_refused),
        TEST(a_descriptor_is_continued_at_its_end),
        TEST(without_a_destination_nothing_happens),
        TEST(a_slow_reader_ends_the_capture_and_stops_nobody),
        TEST(a_full_medium_leaves_whole_packets),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
