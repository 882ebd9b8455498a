/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key files and passphrases (libFuzzer).  The first byte of the input says how the file is to be
 * read, the rest is the file, or its end if it is to be about as large as one can be.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "state/key.h"
#include "state/key_use.h"

enum { FILE_MAX = 16 * 1024, LARGE = 0x40, PASSPHRASE = 0x80 };

/* The file, with white space before it if it is to be large: one byte too much, or one or two
 * less. */
static struct swtpm_bytes choose_file(struct input input, uint8_t choice, uint8_t *room)
{
    size_t size = FILE_MAX - input.size % 3;

    if (!(choice & LARGE) || input.size > size)
        return (struct swtpm_bytes){input.data, input.size};
    memset(room, ' ', size);
    if (input.size > 0)
        memcpy(room + size - input.size, input.data, input.size);
    return (struct swtpm_bytes){room, size};
}

static int file_of(struct swtpm_bytes contents)
{
    int fd = memfd_create("key", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, contents.data, contents.size) == (ssize_t)contents.size);
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static bool is_hex(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr("0123456789abcdefABCDEF", text[i]) == NULL || text[i] == '\0')
            return false;
    return true;
}

/* A second look at what makes a key, slower and simpler than the one under test. */
static bool file_holds_key(const struct key_parameters *parameters, struct swtpm_bytes file)
{
    size_t size = parameters->mode == KEY_MODE_AES_128_CBC ? 16 : 32;
    const uint8_t *text = file.data;

    if (file.size >= FILE_MAX)
        return false;
    if (parameters->password_fd >= 0)
        return file.size > 0;
    if (parameters->format == KEY_FORMAT_BINARY)
        return file.size == size;
    if (file.size >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        file.size -= 2;
    }
    return file.size >= 2 * size && is_hex(text, 2 * size) &&
           (file.size == 2 * size ||
            (text[2 * size] != '\0' && strchr(" \t\n\v\f\r", text[2 * size]) != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t choice = input_byte(&input);
    struct key_parameters parameters = {
        .option = choice & 1 ? "--key" : "--migration-key",
        .fd = -1,
        .password_fd = -1,
        .format = choice & 2 ? KEY_FORMAT_HEX : KEY_FORMAT_BINARY,
        .derivation = (enum key_derivation)((choice >> 2 & 3) % 3),
        .mode = (enum key_mode)((choice >> 4 & 3) % 3),
    };
    struct state_key *key = NULL;
    struct error error = {""};
    static uint8_t room[FILE_MAX];
    const struct swtpm_bytes file = choose_file(input, choice, room);

    *(choice & PASSPHRASE ? &parameters.password_fd : &parameters.fd) = file_of(file);
    bool loaded = state_key_load(&parameters, NULL, &key, &error) == 0;
    MUST(loaded == file_holds_key(&parameters, file));
    if (!loaded)
        MUST(key == NULL && strstr(error.text, parameters.option) != NULL);
    state_key_free(key);
    return 0;
}
