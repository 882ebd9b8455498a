/* SPDX-License-Identifier: BSD-3-Clause */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linked_crypto.h"

int keys_fd(const void *contents, size_t size)
{
    int fd = memfd_create("key", MFD_CLOEXEC);
    if (fd < 0 || write(fd, contents, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

struct key_parameters keys_parameters(void)
{
    return (struct key_parameters){.option = "--key", .fd = -1, .password_fd = -1};
}

static struct state_key *load(const struct key_parameters *parameters)
{
    struct error error;
    struct state_key *key;

    if (state_key_load(parameters, linked_crypto(), &key, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return key;
}

struct state_key *keys_binary(enum key_mode mode, char fill)
{
    struct key_parameters parameters = keys_parameters();
    char bytes[32];

    memset(bytes, fill, sizeof bytes);
    parameters.fd = keys_fd(bytes, mode == KEY_MODE_AES_128_CBC ? 16 : 32);
    parameters.format = KEY_FORMAT_BINARY;
    parameters.mode = mode;
    return load(&parameters);
}

struct state_key *keys_passphrase(enum key_mode mode, enum key_derivation derivation,
                                  const char *passphrase)
{
    struct key_parameters parameters = keys_parameters();

    parameters.password_fd = keys_fd(passphrase, strlen(passphrase));
    parameters.derivation = derivation;
    parameters.mode = mode;
    return load(&parameters);
}
