/* SPDX-License-Identifier: BSD-3-Clause */
/* That nobody learns the password with which swtpm_bios -u gives up the platform hierarchy.  The
 * test stands in the place of the connection and of the kernel's random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "tools/swtpm_bios/boot.h"
#include "wiped_memory.h"

static const char password[20] = "twenty random bytes.";
static bool was_sent;

ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags)
{
    (void)flags;
    assert_int_equal(size, sizeof password);
    memcpy(to, password, size);
    return (ssize_t)size;
}

void boot_complain(const char *format, ...)
{
    fail_msg("%s", format);
}

int boot_send(struct boot *boot, const struct tpm_command *command,
              struct command_response *response)
{
    (void)boot;
    (void)response;
    was_sent = memmem(command->bytes, command->size, password, sizeof password) != NULL;
    return 0;
}

static void the_password_and_its_command_are_wiped(void **state)
{
    (void)state;
    const struct options options = {
        .tpm2 = true, .startup = STARTUP_NONE, .give_up_presence = true};

    assert_int_equal(boot_tpm2(&options), BOOT_GOOD);
    assert_true(was_sent);
    assert_int_equal(wiped_memory_count(password, sizeof password), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_password_and_its_command_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
