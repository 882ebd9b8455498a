/* SPDX-License-Identifier: BSD-3-Clause */
/* What the command channel does when the session that wrote a command closes before its end, which
 * no client can time.  The test stands in the place of libfuse, of the TPM and of the worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "device/command_channel.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"

static const char command[] = "command with a password";
static const char response[] = "unsealed";

static struct command_channel channel;
static struct session session;
static bool response_is_there;

static struct {
    bool busy;
    void (*run)(void *context);
    void (*done)(void *context);
    void *context;
} worker;

int fuse_reply_err(fuse_req_t request, int error)
{
    (void)request;
    fail_msg("refused with %d", error);
    return 0;
}

int fuse_reply_write(fuse_req_t request, size_t count)
{
    (void)request;
    assert_int_equal(count, sizeof command);
    return 0;
}

int fuse_reply_buf(fuse_req_t request, const char *bytes, size_t size)
{
    (void)request;
    assert_memory_equal(bytes, response, size);
    return 0;
}

void fuse_req_interrupt_func(fuse_req_t request, fuse_interrupt_func_t function, void *data)
{
    (void)request;
    (void)function;
    (void)data;
}

bool tpm_is_running(void)
{
    return true;
}

enum tpm_version tpm_version(void)
{
    return TPM_VERSION_2_0;
}

bool tpm_needs_storage_lock(void)
{
    return false;
}

TPM_RESULT tpm_lock_storage(unsigned retries)
{
    (void)retries;
    return 0;
}

void tpm_allow_lock_waiting(bool allowed)
{
    (void)allowed;
}

void tpm_announce_command(void)
{
}

bool tpm_command_is_slow(enum tpm_version version, struct swtpm_bytes bytes)
{
    (void)version;
    (void)bytes;
    return true;
}

struct swtpm_bytes tpm_process(struct swtpm_bytes bytes)
{
    assert_memory_equal(bytes.data, command, bytes.size);
    response_is_there = true;
    return (struct swtpm_bytes){response, sizeof response};
}

void tpm_wipe_response(void)
{
    response_is_there = false;
}

bool worker_is_busy(void)
{
    return worker.busy;
}

void worker_run(void (*run)(void *context), void (*done)(void *context), void *context)
{
    worker.run = run;
    worker.done = done;
    worker.context = context;
    worker.busy = true;
}

static void finish_command(void)
{
    worker.run(worker.context);
    worker.busy = false;
    worker.done(worker.context);
}

static int write_command(void **state)
{
    (void)state;
    channel = (struct command_channel){.owner = NULL};
    parked_init(&channel.readers);
    assert_true(command_channel_write(&channel, NULL, &session,
                                      (struct swtpm_bytes){command, sizeof command}));
    return 0;
}

static void the_owner_finds_its_response(void **state)
{
    (void)state;
    finish_command();
    assert_true(response_is_there);
    command_channel_read(&channel, NULL, &session, sizeof response, false);
    assert_false(response_is_there);
}

static void the_response_for_an_owner_that_has_gone_is_wiped(void **state)
{
    (void)state;
    command_channel_leave(&channel, &session);
    finish_command();
    assert_false(response_is_there);
    assert_int_equal(channel.response.size, 0);
}

static void the_command_is_wiped_once_it_has_run(void **state)
{
    (void)state;
    assert_memory_equal(channel.command, command, sizeof command);
    finish_command();
    for (size_t i = 0; i < sizeof command; i++)
        assert_int_equal(channel.command[i], 0);
}

#define TEST(function) cmocka_unit_test_setup(function, write_command)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_owner_finds_its_response),
        TEST(the_response_for_an_owner_that_has_gone_is_wiped),
        TEST(the_command_is_wiped_once_it_has_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
