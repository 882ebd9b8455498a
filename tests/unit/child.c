/* SPDX-License-Identifier: BSD-3-Clause */
#include "child.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const child_sanitizer_calls[] = {
#if defined(__SANITIZE_ADDRESS__)
    "sigaltstack",
#elif defined(__SANITIZE_THREAD__)
    "nanosleep", "gettimeofday", "sched_yield", "rseq", "set_robust_list",
#endif
    NULL};

void *child_shared(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int child_run(void (*body)(void *shared), void *shared)
{
    int status = -1;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        body(shared);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}

int child_status_open(void)
{
    return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

void child_status(int status_fd, const char *name, char *value, size_t size)
{
    char text[8192];
    char key[64];

    ssize_t got = pread(status_fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    snprintf(key, sizeof key, "\n%s:", name);
    const char *line = strstr(text, key);
    value[0] = '\0';
    if (line == NULL)
        return;
    line += strlen(key);
    line += strspn(line, " \t");
    size_t length = strcspn(line, "\n");
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    snprintf(value, size, "%.*s", (int)length, line);
}
