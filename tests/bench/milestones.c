/* SPDX-License-Identifier: BSD-3-Clause */
#include "milestones.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

static struct milestones *milestones;
static void (*real[MILESTONE_COUNT])(void);
static long (*real_syscall)(long number, ...);
static struct libtpms_callbacks program_callbacks;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A call that has not returned. */
struct call {
    uint64_t entered;
    uint64_t outer_nested; /* `nested` of the call around it, so far */
};

/* How long the noted calls took that were made by the innermost one that has not returned. */
static _Thread_local uint64_t nested;

static struct call enter(unsigned number)
{
    struct milestone *milestone = &milestones->of[number];
    const struct call call = {.entered = now(), .outer_nested = nested};

    nested = 0;
    if (milestone->first_entered == 0)
        milestone->first_entered = call.entered;
    return call;
}

static void leave(unsigned number, struct call call)
{
    struct milestone *milestone = &milestones->of[number];

    milestone->last_left = now();
    uint64_t took = milestone->last_left - call.entered;
    if (milestone->own == 0)
        milestone->first_own = took - nested;
    milestone->own += took - nested;
    nested = call.outer_nested + took;
}

/* The mapping that the environment names, or MAP_FAILED. */
static void *map_shared(char **environment)
{
    static const char name[] = MILESTONES_VARIABLE "=";

    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, sizeof name - 1) == 0)
            return mmap(NULL, sizeof *milestones, PROT_READ | PROT_WRITE, MAP_SHARED,
                        atoi(*environment + sizeof name - 1), 0);
    return MAP_FAILED;
}

/* Linked with -z initfirst: libraries are relocated and no other initialiser has run, so there is
 * no getenv(3) yet.  glibc gives initialisers what main gets. */
__attribute__((constructor)) static void begin(int argc, char **argv, char **environment)
{
    static const char *const names[] = {
#define NAME(name) #name,
        MILESTONE_LIST(NAME)
#undef NAME
    };
    struct call call = {.entered = now()};

    (void)argc;
    (void)argv;
    milestones = map_shared(environment);
    if (milestones == MAP_FAILED)
        _exit(EXIT_FAILURE);
    enter(MILESTONE_relocated);
    milestones->of[MILESTONE_relocated].first_entered = call.entered;
    for (unsigned i = 0; i < MILESTONE_COUNT; i++)
        *(void **)&real[i] = dlsym(RTLD_NEXT, names[i]); /* as in dlsym(3p) */
    *(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
    leave(MILESTONE_relocated, call);
}

/* A function of the same name and type that notes when it is called. */
#define STAND_IN(type, name, parameters, arguments) \
    type name parameters; \
    __attribute__((visibility("default"))) type name parameters \
    { \
        struct call call = enter(MILESTONE_##name); \
        type result = ((type(*) parameters)real[MILESTONE_##name])arguments; \
        leave(MILESTONE_##name, call); \
        return result; \
    }

STAND_IN(void *, dlopen, (const char *path, int flags), (path, flags))
STAND_IN(int, setresuid, (uid_t real_id, uid_t effective, uid_t saved),
         (real_id, effective, saved))
STAND_IN(TPM_RESULT, TPMLIB_MainInit, (void), ())
STAND_IN(TPM_RESULT, TPMLIB_Process,
         (unsigned char **response, uint32_t *size, uint32_t *capacity, unsigned char *command,
          uint32_t command_size),
         (response, size, capacity, command, command_size))
STAND_IN(int, fsync, (int fd), (fd))
STAND_IN(int, pthread_create,
         (pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
          void *argument),
         (thread, attributes, run, argument))
STAND_IN(void *, cuse_lowlevel_new,
         (void *arguments, const void *information, const void *operations, void *data),
         (arguments, information, operations, data))
STAND_IN(void *, seccomp_init, (uint32_t action), (action))
STAND_IN(int, seccomp_load, (void *filter), (filter))
STAND_IN(int, OPENSSL_init_crypto, (uint64_t options, const void *settings), (options, settings))
STAND_IN(int, RAND_bytes, (unsigned char *to, int size), (to, size))
STAND_IN(int, prctl,
         (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
         (option, a, b, c, d))

void fuse_session_process_buf(void *session, const void *request);
__attribute__((visibility("default"))) void fuse_session_process_buf(void *session,
                                                                     const void *request)
{
    struct call call = enter(MILESTONE_fuse_session_process_buf);

    ((void (*)(void *, const void *))real[MILESTONE_fuse_session_process_buf])(session, request);
    leave(MILESTONE_fuse_session_process_buf, call);
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
    va_list list;
    long argument[6];

    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    bool noted = number == SYS_landlock_restrict_self;
    struct call call = noted ? enter(MILESTONE_landlock_restrict_self) : (struct call){0};
    long result = real_syscall(number, argument[0], argument[1], argument[2], argument[3],
                               argument[4], argument[5]);
    if (noted)
        leave(MILESTONE_landlock_restrict_self, call);
    return result;
}

STAND_IN(int, __libc_start_main,
         (int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
          void (*fini)(void), void (*rtld_fini)(void), void *stack),
         (program, argc, argv, init, fini, rtld_fini, stack))

/* ------------------------------------------------------------------- what libtpms calls back */

static TPM_RESULT load(unsigned char **data, uint32_t *length, uint32_t tpm, const char *name)
{
    struct call call = enter(MILESTONE_load);
    TPM_RESULT result = program_callbacks.tpm_nvram_loaddata(data, length, tpm, name);

    leave(MILESTONE_load, call);
    return result;
}

static TPM_RESULT store(const unsigned char *data, uint32_t length, uint32_t tpm, const char *name)
{
    struct call call = enter(MILESTONE_store);
    TPM_RESULT result = program_callbacks.tpm_nvram_storedata(data, length, tpm, name);

    leave(MILESTONE_store, call);
    return result;
}

static TPM_RESULT delete_name(uint32_t tpm, const char *name, TPM_BOOL must_exist)
{
    struct call call = enter(MILESTONE_store);
    TPM_RESULT result = program_callbacks.tpm_nvram_deletename(tpm, name, must_exist);

    leave(MILESTONE_store, call);
    return result;
}

static TPM_RESULT initialise(void)
{
    struct call call = enter(MILESTONE_load);
    TPM_RESULT result = program_callbacks.tpm_nvram_init();

    leave(MILESTONE_load, call);
    return result;
}

__attribute__((visibility("default"))) TPM_RESULT
TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks)
{
    static struct libtpms_callbacks noted;
    TPM_RESULT (*register_callbacks)(struct libtpms_callbacks *) =
        (TPM_RESULT(*)(struct libtpms_callbacks *))real[MILESTONE_TPMLIB_RegisterCallbacks];
    struct call call = enter(MILESTONE_TPMLIB_RegisterCallbacks);

    program_callbacks = *callbacks;
    noted = *callbacks;
    noted.tpm_nvram_init = initialise;
    noted.tpm_nvram_loaddata = load;
    noted.tpm_nvram_storedata = store;
    noted.tpm_nvram_deletename = delete_name;
    TPM_RESULT result = register_callbacks(&noted);
    leave(MILESTONE_TPMLIB_RegisterCallbacks, call);
    return result;
}
