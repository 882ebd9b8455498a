/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * The public headers, each compiled alone by the compilers of the environment (CC, CXX).  -Wpadded
 * finds members that other compilers or options might lay out otherwise.
 */

#define C11 "${CC:-cc} -x c -std=c11"
#define CPLUSPLUS "${CXX:-c++} -x c++ -std=c++11"
#define STRICT " -Wall -Wextra -Wpedantic -Werror -fsyntax-only "

/* core/include of the tree that this program, TREE/build/VARIANT/tests/unit/NAME, was built in. */
static void header_path(const char *name, char path[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

    assert_in_range(length, 1, sizeof program - 1);
    program[length] = '\0';
    for (unsigned levels = 0; levels < 5; levels++)
        *strrchr(program, '/') = '\0';
    assert_in_range(snprintf(path, PATH_MAX, "%.3000s/core/include/%s", program, name), 1,
                    PATH_MAX - 1);
}

/* Whether the compiler takes the file without a word. */
static int compiles(const char *compiler, const char *path)
{
    char command[2 * PATH_MAX];

    assert_in_range(snprintf(command, sizeof command, "%s '%s'", compiler, path), 1,
                    sizeof command - 1);
    return system(command) == 0;
}

static int header_compiles(const char *compiler, const char *header)
{
    char path[PATH_MAX];

    header_path(header, path);
    return compiles(compiler, path);
}

static void skip_without(const char *test, const char *probe, const char *what)
{
    if (system(probe) == 0)
        return;
    print_message("skipped: %s: no %s compiler here\n", test, what);
    skip();
}

static void skip_without_c(const char *test)
{
    skip_without(test, "command -v ${CC:-cc} > /dev/null", "C");
}

static void the_plugin_header_is_strict_c11_without_padding(void **state)
{
    (void)state;
    skip_without_c(__func__);
    assert_true(header_compiles(C11 STRICT "-Wpadded", "swtpm_plugin.h"));
}

static void the_plugin_header_is_cplusplus(void **state)
{
    (void)state;
    skip_without(__func__, "command -v ${CXX:-c++} > /dev/null", "C++");
    assert_true(header_compiles(CPLUSPLUS STRICT "-Wpadded", "swtpm_plugin.h"));
}

static void the_control_header_is_strict_c11_and_cplusplus(void **state)
{
    (void)state;
    skip_without(__func__, "command -v ${CXX:-c++} > /dev/null", "C++");
    assert_true(header_compiles(C11 STRICT, "swtpm_ptm.h"));
    assert_true(header_compiles(CPLUSPLUS STRICT, "swtpm_ptm.h"));
}

static void these_compilers_find_faults(void **state)
{
    (void)state;
    char path[] = "/tmp/swtpm-cuse-test-XXXXXX";
    static const char padded[] = "struct padded { char byte; int word; };\n";

    skip_without_c(__func__);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, padded, sizeof padded - 1), sizeof padded - 1);
    close(fd);
    int passes = compiles(C11 STRICT, path);
    int fails = !compiles(C11 STRICT "-Wpadded 2> /dev/null", path);
    unlink(path);
    assert_true(passes);
    assert_true(fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plugin_header_is_strict_c11_without_padding),
        cmocka_unit_test(the_plugin_header_is_cplusplus),
        cmocka_unit_test(the_control_header_is_strict_c11_and_cplusplus),
        cmocka_unit_test(these_compilers_find_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
