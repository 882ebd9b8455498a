/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts a TPM's program and measures the time to its first answer.
 *
 *   first_answer [--tpm12] cuse|socket [PRELOAD] -- COMMAND [ARGUMENT]...
 *
 * "@FD@" within an ARGUMENT becomes the number of the descriptor over which the program serves: a
 * CUSE channel with the fake kernel at its other end, or a connected stream socket.  The TPM, a
 * TPM 2 without --tpm12, must have been told to start itself.  The first command is GetRandom; then
 * comes Shutdown(CLEAR), so that the next start finds an orderly state (TPM_SaveState with
 * --tpm12), and a SIGTERM.
 *
 * Prints nanoseconds after the start, a line each: when execve(2) was called, when the answer was
 * there, and with PRELOAD (libmilestones.so) for each of its milestones that was passed: its name,
 * first entered, last left, its own time in all calls and in the first one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "milestones.h"

enum { TIMEOUT_MS = 20000 };

struct commands {
    uint8_t get_random[14];
    uint8_t shut_down[12];
};

static const struct commands tpm2 = {
    .get_random = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 16},
    .shut_down = {0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0},
};

static const struct commands tpm12 = {
    .get_random = {0, 0xc1, 0, 0, 0, 14, 0, 0, 0, 0x46, 0, 0, 0, 16},
    .shut_down = {0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x98},
};

/* What both sides share. */
struct shared {
    struct milestones milestones;
    volatile uint64_t executed;
};

/* How the program is spoken to: `file` of the fake kernel, or a socket. */
struct client {
    struct fake_kernel *kernel; /* NULL: a socket */
    struct fake_file *file;
    int fd;
};

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static pid_t child;

static void die_if(int failed, const char *what)
{
    if (!failed)
        return;
    fprintf(stderr, "first_answer: %s: %s\n", what, strerror(errno));
    if (child > 0)
        kill(child, SIGKILL);
    exit(EXIT_FAILURE);
}

static void open_channel(struct client *client, int is_cuse, int *server_fd)
{
    int ends[2];

    if (is_cuse) {
        die_if(fake_kernel_create(&client->kernel, server_fd) != 0, "fake kernel");
        fake_kernel_set_timeout(client->kernel, TIMEOUT_MS);
        return;
    }
    const struct timeval timeout = {.tv_sec = TIMEOUT_MS / 1000};
    die_if(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0, "socketpair");
    client->fd = ends[0];
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    *server_fd = ends[1];
}

static void fill_in(char **arguments, int fd)
{
    for (; *arguments != NULL; arguments++) {
        char *place = strstr(*arguments, "@FD@");
        char *filled = NULL;
        if (place == NULL)
            continue;
        int length = (int)(place - *arguments);
        die_if(asprintf(&filled, "%.*s%d%s", length, *arguments, fd, place + 4) < 0, "asprintf");
        *arguments = filled;
    }
}

static char *variable(const char *name, const char *value)
{
    char *text = NULL;

    die_if(asprintf(&text, "%s=%s", name, value) < 0, "asprintf");
    return text;
}

/* The environment of the program, which is the same for each. */
static char **make_environment(const char *preload, int milestones_fd)
{
    static char path[] = "PATH=/usr/bin:/bin";
    static char *environment[4] = {path};
    char number[16];

    if (preload == NULL)
        return environment;
    snprintf(number, sizeof number, "%d", milestones_fd);
    environment[1] = variable("LD_PRELOAD", preload);
    environment[2] = variable(MILESTONES_VARIABLE, number);
    return environment;
}

static struct shared *share(int *fd)
{
    *fd = memfd_create("milestones", 0);
    die_if(*fd < 0 || ftruncate(*fd, sizeof(struct shared)) != 0, "memfd_create");
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    die_if(shared == MAP_FAILED, "mmap");
    return shared;
}

static void start(char **command, char **environment, struct shared *shared)
{
    child = vfork();
    if (child == 0) {
        shared->executed = now();
        execvpe(command[0], command, environment);
        _exit(127);
    }
    die_if(child < 0, "vfork");
}

static void exchange(struct client *client, const uint8_t *command)
{
    uint8_t response[4096];
    size_t size = command[5]; /* the low byte of its length */
    ssize_t got;

    if (client->kernel != NULL) {
        die_if(fake_write(client->file, command, size) != (ssize_t)size, "write");
        got = fake_read(client->file, response, sizeof response);
    } else {
        die_if(write(client->fd, command, size) != (ssize_t)size, "write");
        got = read(client->fd, response, sizeof response);
    }
    die_if(got < 10, "read");
    die_if(memcmp(response + 6, "\0\0\0\0", 4) != 0, "the TPM refused a command");
}

static void open_device(struct client *client)
{
    struct fake_device device;

    if (client->kernel == NULL)
        return;
    die_if(fake_kernel_wait_device(client->kernel, TIMEOUT_MS, &device) != 0, "no device");
    die_if(fake_open(client->kernel, O_RDWR, &client->file) != 0, "open");
}

static void end(struct client *client, const struct commands *commands)
{
    exchange(client, commands->shut_down);
    if (client->kernel != NULL)
        fake_close(client->file);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    if (client->kernel != NULL)
        fake_kernel_destroy(client->kernel);
}

/* What main never returned from has not been left. */
static uint64_t since(uint64_t start, uint64_t time)
{
    return time != 0 ? time - start : 0;
}

static void print_milestones(const struct milestones *milestones, uint64_t start)
{
    static const char *const names[] = {
#define NAME(name) #name,
        MILESTONE_LIST(NAME)
#undef NAME
    };

    for (unsigned i = 0; i < MILESTONE_COUNT; i++) {
        const struct milestone *passed = &milestones->of[i];
        if (passed->first_entered != 0)
            printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", names[i],
                   passed->first_entered - start, since(start, passed->last_left), passed->own,
                   passed->first_own);
    }
}

int main(int argc, char **argv)
{
    struct client client = {.fd = -1};
    int server_fd, shared_fd;

    bool is_tpm12 = argc > 1 && strcmp(argv[1], "--tpm12") == 0;
    const struct commands *commands = is_tpm12 ? &tpm12 : &tpm2;
    argc -= is_tpm12;
    argv += is_tpm12;
    int dashes = argc > 2 && strcmp(argv[2], "--") == 0 ? 2 : 3;
    if (argc <= dashes + 1 || strcmp(argv[dashes], "--") != 0) {
        fprintf(stderr, "usage: first_answer [--tpm12] cuse|socket [PRELOAD] -- COMMAND [ARGUMENT]...\n");
        return 2;
    }
    struct shared *shared = share(&shared_fd);
    open_channel(&client, strcmp(argv[1], "cuse") == 0, &server_fd);
    fcntl(server_fd, F_SETFD, 0);
    char **command = argv + dashes + 1;
    fill_in(command, server_fd);
    char **environment = make_environment(dashes == 3 ? argv[2] : NULL, shared_fd);

    uint64_t begun = now();
    start(command, environment, shared);
    close(server_fd);
    open_device(&client);
    exchange(&client, commands->get_random);
    uint64_t answered = now();
    const struct milestones milestones = shared->milestones;

    end(&client, commands);
    printf("executed %" PRIu64 "\nanswered %" PRIu64 "\n", shared->executed - begun,
           answered - begun);
    if (dashes == 3)
        print_milestones(&milestones, begun);
    return EXIT_SUCCESS;
}
