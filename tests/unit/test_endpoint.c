/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/transport/endpoint.h"

static struct endpoint tcp_endpoint(const char *text)
{
    struct endpoint endpoint = {.default_port = 6546};
    struct error error;

    assert_int_equal(endpoint_set_tcp(&endpoint, text, &error), 0);
    assert_int_equal(endpoint.kind, ENDPOINT_TCP);
    return endpoint;
}

static void what_is_left_out_of_a_tcp_address_is_the_default(void **state)
{
    static const struct {
        const char *text, *host, *port, *name;
    } rows[] = {
        {"host:1", "host", "1", "host:1"},
        {"host", "host", "6546", "host:6546"},
        {"host:", "host", "6546", "host:6546"},
        {":65535", "127.0.0.1", "65535", "127.0.0.1:65535"},
        {":", "127.0.0.1", "6546", "127.0.0.1:6546"},
        {"[::1]:7", "::1", "7", "[::1]:7"},
        {"[::1]", "::1", "6546", "[::1]:6546"},
        {"[::1]:", "::1", "6546", "[::1]:6546"},
        {"[]:7", "127.0.0.1", "7", "127.0.0.1:7"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct endpoint endpoint = tcp_endpoint(rows[i].text);
        assert_string_equal(endpoint.host, rows[i].host);
        assert_string_equal(endpoint.port, rows[i].port);
        assert_string_equal(endpoint.name, rows[i].name);
    }
}

static void a_malformed_tcp_address_leaves_the_endpoint_as_it_was(void **state)
{
    static const char *const texts[] = {"",           "::1",     "a:b:1",  "[::1",
                                        "[::1]1",     "host:0",  "host:x", "host:-1",
                                        "host:65536", "host: 1", "[::1]]", "[::1]:1:"};
    const struct endpoint none = {.default_port = 6546};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct endpoint endpoint = none;
        struct error error = {.text = ""};
        assert_int_equal(endpoint_set_tcp(&endpoint, texts[i], &error), -1);
        assert_memory_equal(&endpoint, &none, sizeof none);
        assert_string_not_equal(error.text, "");
    }
}

static void a_host_may_have_as_many_characters_as_the_dns_allows(void **state)
{
    char text[ENDPOINT_HOST_SIZE + 1];
    struct endpoint endpoint = {.default_port = 1};
    struct error error;

    (void)state;
    memset(text, 'h', sizeof text);
    text[ENDPOINT_HOST_SIZE] = '\0';
    assert_int_equal(endpoint_set_tcp(&endpoint, text, &error), -1);
    text[ENDPOINT_HOST_SIZE - 1] = '\0';
    assert_int_equal(endpoint_set_tcp(&endpoint, text, &error), 0);
    assert_string_equal(endpoint.host, text);
}

static void one_endpoint_names_one_tpm(void **state)
{
    struct endpoint endpoint = {.default_port = 1};
    struct error error;

    (void)state;
    assert_int_equal(endpoint_set_unix(&endpoint, "/socket", &error), 0);
    assert_int_equal(endpoint_set_device(&endpoint, "/device", &error), -1);
    assert_non_null(strstr(error.text, "/socket"));
    assert_non_null(strstr(error.text, "/device"));
    assert_int_equal(endpoint_set_tcp(&endpoint, ":1", &error), -1);
    assert_int_equal(endpoint_set_host_and_port(&endpoint, NULL, NULL, &error), -1);
    assert_int_equal(endpoint.kind, ENDPOINT_UNIX);
    assert_string_equal(endpoint.path, "/socket");
}

static void a_host_and_a_port_may_be_missing(void **state)
{
    struct endpoint endpoint = {.default_port = 6545};
    struct error error;

    (void)state;
    assert_int_equal(endpoint_set_host_and_port(&endpoint, NULL, "", &error), 0);
    assert_string_equal(endpoint.name, "127.0.0.1:6545");
}

static void the_path_of_a_socket_has_to_fit_into_its_address(void **state)
{
    char path[200];
    struct endpoint endpoint = {.kind = ENDPOINT_NONE};
    struct error error;

    (void)state;
    memset(path, 'x', sizeof path);
    path[108] = '\0';
    assert_int_equal(endpoint_set_unix(&endpoint, path, &error), -1);
    path[107] = '\0';
    assert_int_equal(endpoint_set_unix(&endpoint, path, &error), 0);
}

static void an_endpoint_that_names_nothing_does_not_open(void **state)
{
    const struct endpoint endpoint = {.kind = ENDPOINT_NONE};
    struct error error;

    (void)state;
    assert_int_equal(endpoint_open(&endpoint, &error), -1);
    assert_non_null(strstr(error.text, "--tpm-device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_of_a_tcp_address_is_the_default),
        cmocka_unit_test(a_malformed_tcp_address_leaves_the_endpoint_as_it_was),
        cmocka_unit_test(a_host_may_have_as_many_characters_as_the_dns_allows),
        cmocka_unit_test(one_endpoint_names_one_tpm),
        cmocka_unit_test(a_host_and_a_port_may_be_missing),
        cmocka_unit_test(the_path_of_a_socket_has_to_fit_into_its_address),
        cmocka_unit_test(an_endpoint_that_names_nothing_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
