/* SPDX-License-Identifier: BSD-3-Clause */
#include "lmdb_edits.h"

enum { EDITS_MAX = 24, META_SIZE = 152 };

static void edit_bytes(struct input *input, struct lmdb_image *image, size_t offset)
{
    size_t count = 1 + input_byte(input) % 8;

    for (size_t i = 0; i < count && offset + i < image->size; i++)
        image->bytes[offset + i] = input_byte(input);
}

/* A node's header, or the first bytes of its key and data, by its number on the page. */
static void edit_node(struct input *input, struct lmdb_image *image, size_t page, uint8_t number)
{
    const uint8_t *pointers = image->bytes + page + LMDB_PAGE_HEAD;
    uint16_t offset;

    memcpy(&offset, pointers + 2 * (size_t)(number % 32), sizeof offset);
    edit_bytes(input, image, page + offset % LMDB_PAGE + input_byte(input) % 24);
}

void lmdb_nudge(uint8_t *number, size_t size, uint8_t way)
{
    static const int64_t changes[] = {1, -1, LMDB_PAGE, -LMDB_PAGE};
    uint64_t value = 0;

    memcpy(&value, number, size);
    value += (uint64_t)changes[way % 4];
    memcpy(number, &value, size);
}

/* The last page of a snapshot, the size of a record, or the first of the pages that it has. */
static void nudge_number(struct input *input, struct lmdb_image *image, size_t page_at,
                         uint8_t choice)
{
    enum { KEY_SIZE_AT = 6 };
    uint8_t *page = image->bytes + page_at;
    uint16_t offset, key_size;

    if (choice >> 2 == 0) {
        lmdb_nudge(image->bytes + page_at % (2 * LMDB_PAGE) + LMDB_LAST_PAGE_AT, sizeof(uint64_t),
                   choice);
        return;
    }
    memcpy(&offset, page + LMDB_PAGE_HEAD + 2 * (size_t)(input_byte(input) % 32), sizeof offset);
    if (offset < LMDB_PAGE_HEAD || offset > LMDB_PAGE - 64)
        return;
    memcpy(&key_size, page + offset + KEY_SIZE_AT, sizeof key_size);
    if ((choice >> 2) % 2 == 0)
        lmdb_nudge(page + offset, sizeof(uint32_t), choice);
    else if (key_size < 40)
        lmdb_nudge(page + offset + LMDB_NODE_HEAD + key_size, sizeof(uint64_t), choice);
}

/* What an edit's first byte is from there on. */
enum { NUDGE = 0xe0 };

enum edit { EDIT_META, EDIT_PAGE_HEAD, EDIT_NODE, EDIT_POINTERS, EDIT_ANYWHERE, COPY_PAGE,
            ZERO_PAGE, RESIZE, EDIT_KINDS };

static void apply_edit(struct input *input, struct lmdb_image *image, size_t *size)
{
    uint8_t kind = input_byte(input);
    size_t pages = image->size / LMDB_PAGE;
    size_t page = input_byte(input) % pages * LMDB_PAGE;

    if (kind >= NUDGE) {
        nudge_number(input, image, page, kind - NUDGE);
        return;
    }
    switch ((enum edit)(kind % EDIT_KINDS)) {
    case EDIT_META:
        edit_bytes(input, image, page % (2 * LMDB_PAGE) + input_byte(input) % META_SIZE);
        break;
    case EDIT_PAGE_HEAD:
        edit_bytes(input, image, page + input_byte(input) % LMDB_PAGE_HEAD);
        break;
    case EDIT_NODE:
        edit_node(input, image, page, input_byte(input));
        break;
    case EDIT_POINTERS:
        edit_bytes(input, image, page + LMDB_PAGE_HEAD + 2 * (size_t)(input_byte(input) % 32));
        break;
    case EDIT_ANYWHERE:
        edit_bytes(input, image, page + input_16(input) % LMDB_PAGE);
        break;
    case COPY_PAGE:
        memmove(image->bytes + page, image->bytes + input_byte(input) % pages * LMDB_PAGE,
                LMDB_PAGE);
        break;
    case ZERO_PAGE:
        memset(image->bytes + page, 0, LMDB_PAGE);
        break;
    case RESIZE:
        *size = (page + input_16(input)) % (image->size + LMDB_PAGE);
        break;
    case EDIT_KINDS:
        break;
    }
}

size_t lmdb_edit(struct input *input, struct lmdb_image *image)
{
    size_t size = image->size;
    uint8_t edits = input_byte(input) % EDITS_MAX;

    for (uint8_t i = 0; i < edits && input->size > 0; i++)
        apply_edit(input, image, &size);
    return size;
}
