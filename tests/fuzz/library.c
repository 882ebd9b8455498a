/* SPDX-License-Identifier: BSD-3-Clause */
#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "fuzz.h"

enum { COUNTERS = 1 << 14, DIGEST_SIZE = 20, LOG_LEVEL = 1 };

/* How far libtpms may read behind a damaged state: the 65535 bytes that it skips, and the fields
 * that it then looks for (tests/libtpms/state_over_read.c). */
enum { READ_BEHIND = 66 * 1024 };

/* Read by libFuzzer like the counters of edges (docs/LibFuzzer, FuzzerExtraCounters.cpp). */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

static uint32_t fixed_random;
static int log_fd = -1;

/* libtpms' variables, and what they were before the first input. */
static struct {
    uint8_t *start;
    size_t size;
    uint8_t *copy;
} variables;

/* ---------------------------------------------- in place of OpenSSL's functions of that name --- */

int RAND_bytes(unsigned char *bytes, int count)
{
    for (int i = 0; i < count; i++) {
        fixed_random = fixed_random * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(fixed_random >> 24);
    }
    return 1;
}

static RSA *make_key(int bits, BIGNUM *exponent)
{
    int (*generate)(RSA *, int, BIGNUM *, BN_GENCB *) = dlsym(RTLD_NEXT, "RSA_generate_key_ex");
    RSA *key = RSA_new();

    MUST(generate != NULL && key != NULL && generate(key, bits, exponent, NULL) == 1);
    return key;
}

static void copy_key(RSA *to, const RSA *from)
{
    const BIGNUM *n, *e, *d, *p, *q, *dmp1, *dmq1, *iqmp;

    RSA_get0_key(from, &n, &e, &d);
    RSA_get0_factors(from, &p, &q);
    RSA_get0_crt_params(from, &dmp1, &dmq1, &iqmp);
    MUST(RSA_set0_key(to, BN_dup(n), BN_dup(e), BN_dup(d)) == 1);
    MUST(RSA_set0_factors(to, BN_dup(p), BN_dup(q)) == 1);
    MUST(RSA_set0_crt_params(to, BN_dup(dmp1), BN_dup(dmq1), BN_dup(iqmp)) == 1);
}

/* A TPM 1.2 makes one in the self-test of each start, which would take all the time there is. */
int RSA_generate_key_ex(RSA *key, int bits, BIGNUM *exponent, BN_GENCB *callback)
{
    enum { UNIT = 512, SIZES = 5 };
    static RSA *keys[SIZES];
    unsigned size = (unsigned)bits / UNIT;

    (void)callback;
    if (bits % UNIT != 0 || size >= SIZES)
        return 0;
    if (keys[size] == NULL)
        keys[size] = make_key(bits, exponent);
    copy_key(key, keys[size]);
    return 1;
}

/* ---------------------------------------------- in place of libtpms' function of that name ---- */

static TPM_RESULT (*given_load)(unsigned char **data, uint32_t *size, uint32_t tpm_number,
                                const char *name);

/* libtpms has no sanitizer, so this looks in its stead. */
static TPM_RESULT load_with_zeros_behind(unsigned char **data, uint32_t *size, uint32_t tpm_number,
                                         const char *name)
{
    static const uint8_t zeros[READ_BEHIND];
    TPM_RESULT result = given_load(data, size, tpm_number, name);

    if (result == TPM_SUCCESS)
        MUST(memcmp(*data + *size, zeros, sizeof zeros) == 0);
    return result;
}

TPM_RESULT TPMLIB_RegisterCallbacks(struct libtpms_callbacks *callbacks)
{
    TPM_RESULT (*next)(struct libtpms_callbacks *) = dlsym(RTLD_NEXT, "TPMLIB_RegisterCallbacks");
    static struct libtpms_callbacks ours;

    ours = *callbacks;
    given_load = callbacks->tpm_nvram_loaddata;
    ours.tpm_nvram_loaddata = load_with_zeros_behind;
    MUST(next != NULL);
    return next(&ours);
}

/* -------------------------------------------------------------------------------- variables --- */

static int find_variables(struct dl_phdr_info *object, size_t size, void *unused)
{
    uintptr_t start = 0, end = 0, read_only_end = 0;

    (void)size;
    (void)unused;
    if (strstr(object->dlpi_name, "/libtpms.so") == NULL)
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t address = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_W) {
            start = address;
            end = address + segment->p_memsz;
        } else if (segment->p_type == PT_GNU_RELRO) {
            read_only_end = address + segment->p_memsz;
        }
    }
    variables.start = (uint8_t *)(read_only_end > start ? read_only_end : start);
    variables.size = end - (uintptr_t)variables.start;
    return 1;
}

/* As if each input had a process of its own: a state that was refused leaves traces in libtpms. */
static void restore_variables(void)
{
    if (variables.copy != NULL) {
        memcpy(variables.start, variables.copy, variables.size);
        return;
    }
    MUST(dl_iterate_phdr(find_variables, NULL) == 1 && variables.size > 0);
    variables.copy = malloc(variables.size);
    MUST(variables.copy != NULL);
    memcpy(variables.copy, variables.start, variables.size);
}

/* What libtpms' variables pointed to is lost then. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* -------------------------------------------------------------------------------------- log --- */

void library_begin(void)
{
    fixed_random = 1;
    if (log_fd < 0) {
        log_fd = memfd_create("log", MFD_CLOEXEC);
        MUST(log_fd >= 0);
        TPMLIB_SetDebugFD(log_fd);
        TPMLIB_SetDebugLevel(LOG_LEVEL);
    }
    restore_variables();
}

static void count_line(const char *line, size_t size)
{
    uint32_t hash = 2166136261;

    /* Digits are values, which would make each line a new one. */
    for (size_t i = 0; i < size; i++)
        if (line[i] < '0' || line[i] > '9')
            hash = (hash ^ (uint8_t)line[i]) * 16777619;
    uint8_t *counter = &counters[hash % COUNTERS];
    *counter += *counter < UINT8_MAX;
}

void library_end(void)
{
    static char text[1 << 20];
    ssize_t size = pread(log_fd, text, sizeof text, 0);
    char *line = text;

    for (char *end; (end = memchr(line, '\n', (size_t)(text + size - line))) != NULL; line = end + 1)
        count_line(line, (size_t)(end - line));
    MUST(ftruncate(log_fd, 0) == 0 && lseek(log_fd, 0, SEEK_SET) == 0);
}

void library_fix_digest(uint8_t *state, size_t size)
{
    if (size >= DIGEST_SIZE)
        MUST(gnutls_hash_fast(GNUTLS_DIG_SHA1, state, size - DIGEST_SIZE,
                              state + size - DIGEST_SIZE) == 0);
}
