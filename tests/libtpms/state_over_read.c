/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shows an error of libtpms (doc/reliability.md, "Errors found in libtpms"): a TPM 2 that loads a
 * damaged permanent state reads on behind the state's end.  Each state is loaded in a process of its
 * own, from memory behind which nothing can be read; those that die of it are counted.  Prints the
 * count; the exit status is 0 if there were none.
 */
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>

enum { PAGE = 4096, UNREADABLE = 64 * PAGE };

static unsigned char *state;
static uint32_t state_size;

static TPM_RESULT do_nothing(void)
{
    return TPM_SUCCESS;
}

/* The state, and pages that may not be read; what lies in between is less than a page. */
static TPM_RESULT load(unsigned char **data, uint32_t *size, uint32_t number, const char *name)
{
    size_t pages = ((size_t)state_size / PAGE + 2) * PAGE;
    unsigned char *memory;

    (void)number;
    if (state == NULL || strcmp(name, "permall") != 0)
        return TPM_RETRY;
    memory = malloc(pages + UNREADABLE + PAGE);
    if (memory == NULL)
        return TPM_RESOURCES;
    memcpy(memory, state, state_size);
    uintptr_t end = ((uintptr_t)memory + state_size + PAGE - 1) / PAGE * PAGE;
    mprotect((unsigned char *)memory + (end - (uintptr_t)memory), UNREADABLE, PROT_NONE);
    *data = memory;
    *size = state_size;
    return TPM_SUCCESS;
}

static TPM_RESULT store(const unsigned char *data, uint32_t size, uint32_t number, const char *name)
{
    (void)number;
    if (strcmp(name, "permall") != 0)
        return TPM_SUCCESS;
    free(state);
    state = malloc(size);
    if (state == NULL)
        return TPM_RESOURCES;
    memcpy(state, data, size);
    state_size = size;
    return TPM_SUCCESS;
}

static TPM_RESULT delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
    (void)number;
    (void)name;
    (void)must_exist;
    return TPM_SUCCESS;
}

static TPM_RESULT make_tpm(void)
{
    static struct libtpms_callbacks callbacks = {.sizeOfStruct = sizeof callbacks,
                                                 .tpm_nvram_init = do_nothing,
                                                 .tpm_nvram_loaddata = load,
                                                 .tpm_nvram_storedata = store,
                                                 .tpm_nvram_deletename = delete,
                                                 .tpm_io_init = do_nothing};

    TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2);
    TPMLIB_RegisterCallbacks(&callbacks);
    TPM_RESULT result = TPMLIB_MainInit();
    if (result == TPM_SUCCESS)
        TPMLIB_Terminate();
    return result;
}

/* Whether the process that loads the state dies. */
static int loading_kills(void)
{
    const struct rlimit no_core = {0, 0};
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO); /* libtpms' log */
        make_tpm();
        _exit(0);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

int main(void)
{
    /* "Here follow 65535 bytes that an older version does not know", in the state's format. */
    static const unsigned char damage[] = {1, 0xff, 0xff};
    unsigned deaths = 0;
    uint32_t version = TPMLIB_GetVersion();

    /* What load allocates is a mapping of its own, so that its pages can be protected and freed. */
    mallopt(M_MMAP_THRESHOLD, UNREADABLE / 2);
    if (make_tpm() != TPM_SUCCESS || state_size < sizeof damage || loading_kills())
        return 2;
    for (uint32_t at = 0; at + sizeof damage <= state_size; at++) {
        unsigned char saved[sizeof damage];
        memcpy(saved, state + at, sizeof saved);
        memcpy(state + at, damage, sizeof damage);
        deaths += (unsigned)loading_kills();
        memcpy(state + at, saved, sizeof saved);
    }
    printf("libtpms %u.%u.%u: %u of %u damaged states make it read past their end\n",
           version >> 16, version >> 8 & 0xff, version & 0xff, deaths,
           state_size - (uint32_t)sizeof damage + 1);
    return deaths == 0 ? 0 : 1;
}
