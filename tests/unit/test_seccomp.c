/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "child.h"
#include "sandbox/seccomp.h"
#include "util/log.h"

/* One try in a closed sandbox. */
struct attempt {
    enum seccomp_action action;
    unsigned features;
    const char *const *plugin_calls; /* NULL: none */
    long (*call)(void);
    int close_result;
    long result;
    int result_errno;
    char seccomp[8];
    char no_new_privs[8];
    struct error error;
};

static void close_list(struct attempt *attempt)
{
    struct seccomp_list list = {0};

    seccomp_list_add_core(&list, attempt->features);
    seccomp_list_add(&list, "sanitizer", child_sanitizer_calls, &attempt->error);
    if (attempt->plugin_calls != NULL)
        seccomp_list_add(&list, "storage-test", attempt->plugin_calls, &attempt->error);
    attempt->close_result = seccomp_close(&list, attempt->action, &attempt->error);
}

static void close_and_call(void *shared)
{
    struct attempt *attempt = shared;
    int status_fd = child_status_open();

    close_list(attempt);
    if (attempt->close_result != 0)
        return;
    child_status(status_fd, "Seccomp", attempt->seccomp, sizeof attempt->seccomp);
    child_status(status_fd, "NoNewPrivs", attempt->no_new_privs, sizeof attempt->no_new_privs);
    errno = 0;
    attempt->result = attempt->call();
    attempt->result_errno = errno;
}

/* The wait status of a child that closes the list and makes the call. */
static int attempt_in_child(struct attempt wanted, struct attempt **seen)
{
    *seen = child_shared(sizeof **seen);
    **seen = wanted;
    (*seen)->close_result = -2;
    int status = child_run(close_and_call, *seen);
    assert_int_equal((*seen)->close_result, 0);
    return status;
}

static void assert_killed(struct attempt wanted)
{
    struct attempt *seen;
    int status = attempt_in_child(wanted, &seen);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static struct attempt *assert_lives(struct attempt wanted)
{
    struct attempt *seen;
    int status = attempt_in_child(wanted, &seen);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return seen;
}

/* ------------------------------------------------------------------------------- the calls --- */

static long call_nothing(void)
{
    return 0;
}

static long call_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long call_execve(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static long call_fork(void)
{
    return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static long call_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0);
}

static long call_ioctl(void)
{
    return syscall(SYS_ioctl, 0, 0x5412, NULL);
}

static long call_prctl(void)
{
    return syscall(SYS_prctl, 15, "name", 0, 0, 0);
}

static long call_kill(void)
{
    return kill(getppid(), 0);
}

static long call_open_for_reading(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static long call_open_for_writing(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

static long call_open_and_empty(void)
{
    return open("/dev/null", O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
}

static long call_open_for_appending(void)
{
    return open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
}

static long call_open_for_appending_through_links(void)
{
    return open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC);
}

static long call_mmap_executable(void)
{
    return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long call_mprotect_executable(void)
{
    static char page[8192];
    uintptr_t start = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;
    return syscall(SYS_mprotect, start, 4096, PROT_READ | PROT_EXEC);
}

/* Memory, time, random bytes, files by descriptor: what SWTPM_HOST_SYSTEM_CALLS promises. */
static long call_what_plugins_may(void)
{
    enum { SIZE = 1 << 20 };
    char *memory = malloc(SIZE);
    struct timespec now;
    unsigned char random[16];
    int ends[2] = {STDIN_FILENO, STDOUT_FILENO};

    if (memory == NULL || (memory = realloc(memory, 3 * SIZE)) == NULL)
        return -1;
    memset(memory, 1, 3 * SIZE);
    madvise(memory, SIZE, MADV_WILLNEED);
    free(memory);
    void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || munmap(map, SIZE) != 0)
        return -1;
    if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) != 0 ||
        syscall(SYS_getrandom, random, sizeof random, 0) != sizeof random)
        return -1;
    lseek(ends[0], 0, SEEK_CUR);
    return getpid() > 0 && syscall(SYS_gettid) > 0 ? 0 : -1;
}

/* --------------------------------------------------------------------------------- tests ----- */

static void the_filter_is_in_force(void **state)
{
    (void)state;
    struct attempt *seen = assert_lives((struct attempt){.call = call_nothing});

    assert_string_equal(seen->seccomp, "2");
    assert_string_equal(seen->no_new_privs, "1");
}

static void what_every_plugin_may_call_goes_on(void **state)
{
    (void)state;
    assert_int_equal(assert_lives((struct attempt){.call = call_what_plugins_may})->result, 0);
}

static void everything_else_kills(void **state)
{
    (void)state;
    long (*const calls[])(void) = {
        call_socket,
        call_execve,
        call_fork,
        call_clone3,
        call_ioctl,
        call_prctl,
        call_kill,
        call_open_for_reading,
        call_open_for_writing,
        call_mmap_executable,
        call_mprotect_executable,
        call_open_for_appending,
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        assert_killed((struct attempt){.call = calls[i]});
}

static void a_log_file_may_be_opened_for_appending_only(void **state)
{
    (void)state;
    const unsigned features = SECCOMP_LOG_FILE;

    assert_true(
        assert_lives((struct attempt){.features = features, .call = call_open_for_appending})
            ->result >= 0);
    assert_killed((struct attempt){.features = features, .call = call_open_for_reading});
    assert_killed((struct attempt){.features = features, .call = call_open_for_writing});
    assert_killed((struct attempt){.features = features, .call = call_open_and_empty});
    assert_killed(
        (struct attempt){.features = features, .call = call_open_for_appending_through_links});
}

static void a_plugin_gets_what_it_names(void **state)
{
    (void)state;
    static const char *const names[] = {"socket", "openat", NULL};
    struct attempt wanted = {.features = SECCOMP_LOG_FILE, .plugin_calls = names};

    wanted.call = call_socket;
    assert_true(assert_lives(wanted)->result >= 0);
    wanted.call = call_open_for_reading;
    assert_true(assert_lives(wanted)->result >= 0);
    wanted.call = call_kill;
    assert_killed(wanted);
}

static void no_plugin_gets_executable_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"mmap", "mprotect", NULL};

    assert_killed((struct attempt){.plugin_calls = names, .call = call_mmap_executable});
    assert_killed((struct attempt){.plugin_calls = names, .call = call_mprotect_executable});
}

static void assert_refused(const char *name)
{
    const char *const names[] = {"fsync", name, NULL};
    struct seccomp_list list = {0};
    struct error error;

    assert_int_equal(seccomp_list_add(&list, "storage-bad", names, &error), -1);
    assert_non_null(strstr(error.text, "storage-bad"));
    assert_non_null(strstr(error.text, name));
}

static void names_that_nobody_knows_are_refused(void **state)
{
    (void)state;
    assert_refused("opennat");
    assert_refused("");
    assert_refused("read ");
}

static void ways_out_are_refused(void **state)
{
    (void)state;
    assert_refused("execve");
    assert_refused("clone");
    assert_refused("ioctl");
    assert_refused("ptrace");
}

static void calls_of_other_processors_are_passed_over(void **state)
{
    (void)state;
    static const char *const names[] = {"arm_fadvise64_64", "s390_pci_mmio_read", NULL};
    struct seccomp_list list = {0};
    struct error error;

    assert_int_equal(seccomp_list_add(&list, "storage-portable", names, &error), 0);
    assert_int_equal(list.count, 0);
}

static void a_list_names_each_call_once(void **state)
{
    (void)state;
    static const char *const names[] = {"fsync", "read", "fsync", NULL};
    struct seccomp_list list = {0};
    struct error error;

    seccomp_list_add_core(&list, ~0U);
    size_t before = list.count;
    assert_int_equal(seccomp_list_add(&list, "storage-one", names, &error), 0);
    assert_int_equal(seccomp_list_add(&list, "crypto-two", names, &error), 0);
    assert_int_equal(list.count, before + 1);
    assert_string_equal(list.calls[before].name, "fsync");
    assert_string_equal(list.calls[before].source, "storage-one");
}

static pthread_barrier_t barrier;

static void *call_socket_when_closed(void *unused)
{
    pthread_barrier_wait(&barrier);
    call_socket();
    return unused;
}

static void close_beside_a_thread(void *shared)
{
    struct attempt *attempt = shared;
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, call_socket_when_closed, NULL);
    close_list(attempt);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}

static void threads_that_run_already_are_restricted_too(void **state)
{
    (void)state;
    struct attempt *attempt = child_shared(sizeof *attempt);
    int status = child_run(close_beside_a_thread, attempt);

    assert_int_equal(attempt->close_result, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* A child that stops in poll(2) and goes on needs restart_syscall(2), which no libc calls. */
static void poll_once(struct attempt *attempt, int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    close_list(attempt);
    attempt->result = poll(&pollfd, 1, -1);
}

static bool is_asleep(pid_t process)
{
    char path[64];
    char state = '\0';

    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '\0';
    if (file != NULL)
        fclose(file);
    return state == 'S';
}

/* Until it sleeps in poll, since it closes the list before that without a wait. */
static void await_poll(const volatile struct attempt *attempt, pid_t child)
{
    alarm(60);
    while (attempt->close_result != 0 || !is_asleep(child))
        usleep(1000);
    alarm(0);
}

static void a_wait_survives_stop_and_continue(void **state)
{
    (void)state;
    struct attempt *attempt = child_shared(sizeof *attempt);
    attempt->result = attempt->close_result = -1;
    int status;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        poll_once(attempt, ends[0]);
        _exit(0);
    }
    await_poll(attempt, child);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    assert_true(WIFSTOPPED(status));
    kill(child, SIGCONT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(attempt->result, 1);
    close(ends[0]);
    close(ends[1]);
}

#ifdef __x86_64__
static long call_read_of_x32(void)
{
    return syscall(0x40000000L + SYS_read, -1, NULL, 0);
}

static long call_getpid_of_i386(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
    return result;
}

static void calls_of_another_architecture_kill(void **state)
{
    (void)state;
    for (enum seccomp_action action = SECCOMP_ACTION_KILL; action <= SECCOMP_ACTION_LOG; action++) {
        assert_killed((struct attempt){.action = action, .call = call_getpid_of_i386});
        assert_killed((struct attempt){.action = action, .call = call_read_of_x32});
    }
}
#endif

static void none_leaves_everything(void **state)
{
    (void)state;
    struct attempt *seen =
        assert_lives((struct attempt){.action = SECCOMP_ACTION_NONE, .call = call_socket});

    assert_true(seen->result >= 0);
    assert_string_equal(seen->seccomp, "0");
}

/* ----------------------------------------------------------------------------- action=log ---- */

static char log_path[] = "/tmp/test_seccomp.XXXXXX";

static int open_log(void **state)
{
    (void)state;
    struct error error;
    int fd = mkstemp(log_path);
    return fd < 0 ? -1 : log_open(&(struct log_parameters){.fd = fd, .level = 1}, &error);
}

static int remove_log(void **state)
{
    (void)state;
    return unlink(log_path);
}

static unsigned count_in_log(const char *text)
{
    static char log[65536];
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, log, sizeof log - 1);
    unsigned count = 0;

    close(fd);
    log[size > 0 ? size : 0] = '\0';
    for (const char *found = log; (found = strstr(found, text)) != NULL; found++)
        count++;
    return count;
}

static void log_names_the_call_and_lets_it_run(void **state)
{
    (void)state;
    struct attempt *seen =
        assert_lives((struct attempt){.action = SECCOMP_ACTION_LOG, .call = call_socket});

    assert_true(seen->result >= 0);
    assert_string_equal(seen->seccomp, "2");
    assert_int_equal(count_in_log("'socket'"), 1);
}

static long call_three_times(void)
{
    for (unsigned i = 0; i < 3; i++)
        if (kill(getpid(), 0) != 0)
            return -1;
    return call_mprotect_executable();
}

static void log_tells_each_occurrence(void **state)
{
    (void)state;
    struct attempt *seen =
        assert_lives((struct attempt){.action = SECCOMP_ACTION_LOG, .call = call_three_times});

    assert_int_equal(seen->result, 0);
    assert_int_equal(count_in_log("'kill'"), 3);
    assert_int_equal(count_in_log("'mprotect'"), 1);
}

static void log_is_silent_about_what_is_allowed(void **state)
{
    (void)state;
    unsigned before = count_in_log("sandbox:");

    assert_lives((struct attempt){.action = SECCOMP_ACTION_LOG, .call = call_what_plugins_may});
    assert_int_equal(count_in_log("sandbox:"), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_filter_is_in_force),
        cmocka_unit_test(what_every_plugin_may_call_goes_on),
        cmocka_unit_test(everything_else_kills),
        cmocka_unit_test(a_log_file_may_be_opened_for_appending_only),
        cmocka_unit_test(a_plugin_gets_what_it_names),
        cmocka_unit_test(no_plugin_gets_executable_memory),
        cmocka_unit_test(names_that_nobody_knows_are_refused),
        cmocka_unit_test(ways_out_are_refused),
        cmocka_unit_test(calls_of_other_processors_are_passed_over),
        cmocka_unit_test(a_list_names_each_call_once),
        cmocka_unit_test(threads_that_run_already_are_restricted_too),
        cmocka_unit_test(a_wait_survives_stop_and_continue),
#ifdef __x86_64__
        cmocka_unit_test(calls_of_another_architecture_kill),
#endif
        cmocka_unit_test(none_leaves_everything),
        cmocka_unit_test(log_names_the_call_and_lets_it_run),
        cmocka_unit_test(log_tells_each_occurrence),
        cmocka_unit_test(log_is_silent_about_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, open_log, remove_log);
}
