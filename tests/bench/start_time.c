/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "clock.h"
#include "response.h"

extern char **environ;

/* The program inherits `fd` under its number, though it closes with exec everywhere else. */
static int spawn(const struct bench_program *program, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return -error;
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, fd, fd);
    if (error == 0)
        error = posix_spawn(pid, program->arguments[0], &actions, NULL, program->arguments,
                            environ);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int ask_device(const struct bench_program *program, struct fake_kernel *kernel)
{
    uint8_t response[BENCH_MESSAGE_MAX];
    struct fake_device device;
    struct fake_file *file;
    int result = fake_kernel_wait_device(kernel, -1, &device);

    if (result == 0)
        result = fake_open(kernel, O_RDWR, &file);
    if (result != 0)
        return result;
    ssize_t size = fake_write(file, program->command, program->command_size);
    if (size >= 0)
        size = fake_read(file, response, sizeof response);
    fake_close(file);
    return response_check(response, size);
}

int bench_start_device(const struct bench_program *program, struct fake_kernel *kernel,
                       int server_fd, pid_t *pid, uint64_t *nanoseconds)
{
    uint64_t start = clock_now();
    int result = spawn(program, server_fd, pid);

    if (result != 0)
        return result;
    /* A program that fails is noticed by the end of its channel only. */
    close(server_fd);
    result = ask_device(program, kernel);
    *nanoseconds = clock_now() - start;
    return result;
}

static int ask_socket(const struct bench_program *program, int fd)
{
    uint8_t response[BENCH_MESSAGE_MAX];
    ssize_t size = write(fd, program->command, program->command_size);

    if (size >= 0)
        size = read(fd, response, sizeof response);
    return size < 0 ? -errno : response_check(response, size);
}

int bench_start_socket(const struct bench_program *program, int fd, int server_fd, pid_t *pid,
                       uint64_t *nanoseconds)
{
    uint64_t start = clock_now();
    int result = spawn(program, server_fd, pid);

    if (result != 0)
        return result;
    close(server_fd);
    result = ask_socket(program, fd);
    *nanoseconds = clock_now() - start;
    return result;
}
