/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_SINGLE_FILE_H
#define TESTS_UNIT_SINGLE_FILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The single file of storage-file, written down a second time on purpose (doc/state-format.md,
 * section 8): a test that took the plugin's own functions would not notice when both change.
 */

enum { TABLE_SIZE = 192, ENTRIES = 15, EXTENSION = 14, ENTRY_OFFSET = 12, ENTRY_SIZE = 12 };

/* A file as a whole; `data` is owned and freed with free. */
struct image {
    unsigned char *data;
    size_t size;
};

struct image image_read(const char *path);
void image_write(const char *path, const unsigned char *data, size_t size);

uint32_t image_number(const struct image *image, size_t offset);
void image_set_number(struct image *image, size_t offset, uint32_t value);

/* Offset, length and section size of an entry. */
uint32_t entry_offset(const struct image *image, unsigned entry);
uint32_t entry_length(const struct image *image, unsigned entry);
uint32_t entry_size(const struct image *image, unsigned entry);

/* An empty store of `size` bytes. */
struct image image_new(size_t size);

/* Gives data to an entry. */
void image_place(struct image *image, unsigned entry, uint32_t offset, const char *data,
                 uint32_t section_size);

#endif
