/* SPDX-License-Identifier: BSD-3-Clause */
#include "single_file.h"

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct image image_read(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    struct image image = {.data = malloc((size_t)status.st_size + 1),
                          .size = (size_t)status.st_size};
    assert_non_null(image.data);
    assert_int_equal(read(fd, image.data, image.size), image.size);
    close(fd);
    return image;
}

void image_write(const char *path, const unsigned char *data, size_t size)
{
    /* Without O_TRUNC, after which some file systems wait for the medium. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

uint32_t image_number(const struct image *image, size_t offset)
{
    uint32_t number;

    assert_true(offset + sizeof number <= image->size);
    memcpy(&number, image->data + offset, sizeof number);
    return le32toh(number);
}

void image_set_number(struct image *image, size_t offset, uint32_t value)
{
    value = htole32(value);
    memcpy(image->data + offset, &value, sizeof value);
}

uint32_t entry_offset(const struct image *image, unsigned entry)
{
    return image_number(image, ENTRY_OFFSET + (size_t)entry * ENTRY_SIZE);
}

uint32_t entry_length(const struct image *image, unsigned entry)
{
    return image_number(image, ENTRY_OFFSET + (size_t)entry * ENTRY_SIZE + 4);
}

uint32_t entry_size(const struct image *image, unsigned entry)
{
    return image_number(image, ENTRY_OFFSET + (size_t)entry * ENTRY_SIZE + 8);
}

struct image image_new(size_t size)
{
    static const unsigned char start[] = "nilmptws\1\0\xc0";
    struct image image = {.data = calloc(1, size), .size = size};

    assert_non_null(image.data);
    memcpy(image.data, start, sizeof start);
    return image;
}

void image_place(struct image *image, unsigned entry, uint32_t offset, const char *data,
                 uint32_t section_size)
{
    size_t at = ENTRY_OFFSET + (size_t)entry * ENTRY_SIZE;

    image_set_number(image, at, offset);
    image_set_number(image, at + 4, (uint32_t)strlen(data));
    image_set_number(image, at + 8, section_size);
    memcpy(image->data + offset, data, strlen(data));
}
