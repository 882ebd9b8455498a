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

static uint64_t enter(unsigned number)
{
    struct milestone *milestone = &milestones->of[number];
    uint64_t time = now();

    if (milestone->first_entered == 0)
        milestone->first_entered = time;
    milestone->depth++;
    return time;
}

static void leave(unsigned number, uint64_t entered)
{
    struct milestone *milestone = &milestones->of[number];

    if (--milestone->depth > 0)
        return;
    milestone->last_left = now();
    milestone->inside += milestone->last_left - entered;
    if (milestone->first_left == 0)
        milestone->first_left = milestone->last_left;
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
    uint64_t entered = now();

    (void)argc;
    (void)argv;
    milestones = map_shared(environment);
    if (milestones == MAP_FAILED)
        _exit(EXIT_FAILURE);
    enter(MILESTONE_relocated);
    milestones->of[MILESTONE_relocated].first_entered = entered;
    for (unsigned i = 0; i < MILESTONE_COUNT; i++)
        *(void **)&real[i] = dlsym(RTLD_NEXT, names[i]); /* as in dlsym(3p) */
    *(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
    leave(MILESTONE_relocated, entered);
}

/* A function of the same name and type that notes when it is called. */
#define STAND_IN(type, name, parameters, arguments) \
    type name parameters; \
    __attribute__((visibility("default"))) type name parameters \
    { \
        uint64_t entered = enter(MILESTONE_##name); \
        type result = ((type(*) parameters)real[MILESTONE_##name])arguments; \
        leave(MILESTONE_##name, entered); \
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
STAND_IN(int, prctl,
         (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d),
         (option, a, b, c, d))

static unsigned crypto_milestone(void)
{
    bool within = milestones->of[MILESTONE_TPMLIB_MainInit].depth > 0 ||
                  milestones->of[MILESTONE_TPMLIB_Process].depth > 0;

    return within ? MILESTONE_crypto_within : MILESTONE_crypto;
}

int OPENSSL_init_crypto(uint64_t options, const void *settings);
__attribute__((visibility("default"))) int OPENSSL_init_crypto(uint64_t options,
                                                               const void *settings)
{
    uint64_t entered = enter(crypto_milestone());
    int result = ((int (*)(uint64_t, const void *))real[MILESTONE_OPENSSL_init_crypto])(options,
                                                                                    settings);

    leave(crypto_milestone(), entered);
    return result;
}

int RAND_bytes(unsigned char *to, int size);
__attribute__((visibility("default"))) int RAND_bytes(unsigned char *to, int size)
{
    uint64_t entered = enter(crypto_milestone());
    int result = ((int (*)(unsigned char *, int))real[MILESTONE_RAND_bytes])(to, size);

    leave(crypto_milestone(), entered);
    return result;
}

void fuse_session_process_buf(void *session, const void *request);
__attribute__((visibility("default"))) void fuse_session_process_buf(void *session,
                                                                     const void *request)
{
    uint64_t entered = enter(MILESTONE_fuse_session_process_buf);

    ((void (*)(void *, const void *))real[MILESTONE_fuse_session_process_buf])(session, request);
    leave(MILESTONE_fuse_session_process_buf, entered);
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
    va_list list;
    long argument[6];

    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    uint64_t entered = number == SYS_landlock_restrict_self
                           ? enter(MILESTONE_landlock_restrict_self) : 0;
    long result = real_syscall(number, argument[0], argument[1], argument[2], argument[3],
                               argument[4], argument[5]);
    if (entered != 0)
        leave(MILESTONE_landlock_restrict_self, entered);
    return result;
}

STAND_IN(int, __libc_start_main,
         (int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
          void (*fini)(void), void (*rtld_fini)(void), void *stack),
         (program, argc, argv, init, fini, rtld_fini, stack))

/* ------------------------------------------------------------------- what libtpms calls back */

static TPM_RESULT load(unsigned char **data, uint32_t *length, uint32_t tpm, const char *name)
{
    uint64_t entered = enter(MILESTONE_load);
    TPM_RESULT result = program_callbacks.tpm_nvram_loaddata(data, length, tpm, name);

    leave(MILESTONE_load, entered);
    return result;
}

static TPM_RESULT store(const unsigned char *data, uint32_t length, uint32_t tpm, const char *name)
{
    uint64_t entered = enter(MILESTONE_store);
    TPM_RESULT result = program_callbacks.tpm_nvram_storedata(data, length, tpm, name);

    leave(MILESTONE_store, entered);
    return result;
}

static TPM_RESULT delete_name(uint32_t tpm, const char *name, TPM_BOOL must_exist)
{
    uint64_t entered = enter(MILESTONE_store);
    TPM_RESULT result = program_callbacks.tpm_nvram_deletename(tpm, name, must_exist);

    leave(MILESTONE_store, entered);
    return result;
}

static TPM_RESULT initialise(void)
{
    uint64_t entered = enter(MILESTONE_load);
    TPM_RESULT result = program_callbacks.tpm_nvram_init();

    leave(MILESTONE_load, entered);
    return result;
}

__attribute__((visibility("default"))) TPM_RESULT
TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks)
{
    static struct libtpms_callbacks noted;
    TPM_RESULT (*register_callbacks)(struct libtpms_callbacks *) =
        (TPM_RESULT(*)(struct libtpms_callbacks *))real[MILESTONE_TPMLIB_RegisterCallbacks];
    uint64_t entered = enter(MILESTONE_TPMLIB_RegisterCallbacks);

    program_callbacks = *callbacks;
    noted = *callbacks;
    noted.tpm_nvram_init = initialise;
    noted.tpm_nvram_loaddata = load;
    noted.tpm_nvram_storedata = store;
    noted.tpm_nvram_deletename = delete_name;
    TPM_RESULT result = register_callbacks(&noted);
    leave(MILESTONE_TPMLIB_RegisterCallbacks, entered);
    return result;
}
