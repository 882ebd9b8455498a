/* SPDX-License-Identifier: BSD-3-Clause */
#include "verify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "../common/failure.h"
#include "result.h"

#define META_MAGIC UINT32_C(0xbeefc0de)
#define NO_PAGE SIZE_MAX

enum {
    META_VERSION = 1,
    META_COUNT = 2,
    FREE_TREE = 0,
    MAIN_TREE = 1,
    TREE_COUNT = 2,
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 32768,
    DEPTH_MAX = 32,
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    PAGE_OVERFLOW = 0x04,
    PAGE_META = 0x08,
    NODE_BIG = 0x01
};

struct page_head {
    size_t number;
    uint16_t pad;
    uint16_t flags; /* one type; the others are LMDB's notes on pages in memory, which it obeys */
    union {
        struct {
            uint16_t lower;
            uint16_t upper;
        } free;
        uint32_t overflow_pages;
    } extent;
};

struct tree {
    uint32_t page_size; /* of the free tree only */
    uint16_t flags;
    uint16_t depth;
    size_t branch_pages;
    size_t leaf_pages;
    size_t overflow_pages;
    size_t entries;
    size_t root;
};

struct meta {
    uint32_t magic;
    uint32_t version;
    void *address;
    size_t map_size;
    struct tree trees[TREE_COUNT];
    size_t last_page;
    size_t transaction;
};

/* On a branch page the data size is the low half of a page number, and the flags its high part. */
struct node_head {
    uint32_t data_size;
    uint16_t flags;
    uint16_t key_size;
};

struct node {
    struct node_head head;
    const unsigned char *key;
    const unsigned char *data; /* of a leaf; inside the page */
};

/* The keys of a child are not less than `lower` and less than `upper`; NULL: no such limit. */
struct limits {
    const struct node *lower;
    const struct node *upper;
};

/* Which children of a page are to be checked as well. */
enum way {
    WAY_OF_KEYS, /* those that lead to the wanted records, and what these need */
    WAY_LOWEST,  /* the first one, and so on down to its first record */
    WAY_ENDS     /* none */
};

struct verifier {
    int fd;
    size_t file_pages; /* whole pages in the file */
    size_t page_size;
    size_t last_page;
    unsigned char *used; /* a bit for each page that can be in use or free */
    size_t used_bits;
    const struct verify_wish *wish;
    size_t *records; /* verify_snapshot.records */
    struct verify_damage *damage;
};

static int damaged(struct verifier *v, size_t page, const char *what)
{
    *v->damage = (struct verify_damage){.what = what, .page = page};
    return SWTPM_PLUGIN_CORRUPT;
}

static int read_at(int fd, void *to, size_t size, size_t offset)
{
    char *rest = to;

    while (size > 0) {
        ssize_t got = pread(fd, rest, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : SWTPM_PLUGIN_CORRUPT;
        rest += got;
        offset += (size_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static bool page_size_is_sane(uint32_t size)
{
    return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

/* Flags of a tree say how its keys compare and what its records are; LMDB takes them from here.
 * The first tree's hold the flags of the environment that made the file, too. */
static bool tree_flags_are_sane(const struct meta *meta)
{
    return (meta->trees[FREE_TREE].flags & ~MDB_NOSUBDIR) == MDB_INTEGERKEY &&
           meta->trees[MAIN_TREE].flags == 0;
}

static int read_meta(struct verifier *v, unsigned index, struct meta *meta)
{
    struct {
        struct page_head head;
        struct meta meta;
    } page;
    size_t number = index;

    if (index * v->page_size + sizeof page > v->file_pages * v->page_size)
        return damaged(v, number, "it is too short for its two meta pages");
    int status = read_at(v->fd, &page, sizeof page, index * v->page_size);
    if (status != 0)
        return status;
    if ((page.head.flags & PAGE_META) == 0 || page.meta.magic != META_MAGIC)
        return damaged(v, number, "it does not start with LMDB's meta pages");
    if (page.meta.version != META_VERSION)
        return damaged(v, number, "its format is not version 1");
    if (!page_size_is_sane(page.meta.trees[FREE_TREE].page_size) ||
        page.meta.last_page < META_COUNT - 1 || page.meta.last_page > SIZE_MAX / 4 / PAGE_SIZE_MAX)
        return damaged(v, number, "a meta page holds impossible sizes");
    if (!tree_flags_are_sane(&page.meta))
        return damaged(v, number, "a meta page speaks of another kind of database");
    if (page.meta.transaction != 0 && page.meta.transaction % META_COUNT != index)
        return damaged(v, number, "a meta page belongs to the other one's transactions");
    *meta = page.meta;
    return 0;
}

/* The page size stands in the first meta page, which can be read without knowing it. */
static int read_metas(struct verifier *v, int fd, struct meta metas[META_COUNT])
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    v->fd = fd;
    v->page_size = 1;
    v->file_pages = (size_t)status.st_size;
    int result = read_meta(v, 0, &metas[0]);
    if (result != 0)
        return result;
    v->page_size = metas[0].trees[FREE_TREE].page_size;
    v->file_pages /= v->page_size;
    result = read_meta(v, 1, &metas[1]);
    if (result == 0 && metas[1].trees[FREE_TREE].page_size != v->page_size)
        result = damaged(v, 1, "its meta pages do not agree");
    return result;
}

static bool claim(struct verifier *v, size_t page)
{
    unsigned char bit = (unsigned char)(1U << page % 8);

    if ((v->used[page / 8] & bit) != 0)
        return false;
    v->used[page / 8] |= bit;
    return true;
}

static int claim_run(struct verifier *v, size_t first, size_t count)
{
    if (first < META_COUNT || first > v->last_page || count > v->last_page - first + 1)
        return damaged(v, first, "a page number points behind the last page");
    if (first >= v->file_pages || count > v->file_pages - first)
        return damaged(v, first, "a page is missing: the file was cut off");
    for (size_t i = 0; i < count; i++)
        if (!claim(v, first + i))
            return damaged(v, first + i, "a page is used twice");
    return 0;
}

static size_t overflow_pages(size_t page_size, size_t data_size)
{
    return (sizeof(struct page_head) - 1 + data_size) / page_size + 1;
}

/* Whether LMDB stores a record of that size outside of its leaf (mdb.c: me_nodemax). */
static bool record_is_large(size_t page_size, size_t key_size, size_t data_size)
{
    size_t node_max =
        ((page_size - sizeof(struct page_head)) / 2 & ~(size_t)1) - sizeof(uint16_t);

    return sizeof(struct node_head) + key_size + data_size > node_max;
}

static bool overflow_head_is_sound(const struct page_head *head, size_t number, size_t page_size,
                                   size_t data_size)
{
    return head->number == number && head->flags == PAGE_OVERFLOW &&
           head->extent.overflow_pages == overflow_pages(page_size, data_size);
}

/* LMDB shortens a list of free pages where it lies, which may leave it more pages than it needs. */
static int pages_of_list(struct verifier *v, size_t page, size_t needed, size_t *count)
{
    struct page_head head;

    if (page < META_COUNT || page >= v->file_pages)
        return damaged(v, page, "a page is missing: the file was cut off");
    int status = read_at(v->fd, &head, sizeof head, page * v->page_size);
    if (status != 0)
        return status;
    if (head.number != page || head.flags != PAGE_OVERFLOW || head.extent.overflow_pages < needed)
        return damaged(v, page, "a page of a large record is none");
    *count = head.extent.overflow_pages;
    return 0;
}

/* The head of a value's pages is checked when the value is replaced: to read all of them now would
 * take seconds from a cold disk. */
static int claim_overflow(struct verifier *v, unsigned tree, const struct node *node, size_t *page)
{
    size_t count = overflow_pages(v->page_size, node->head.data_size);
    int status = 0;

    memcpy(page, node->data, sizeof *page);
    if (tree == FREE_TREE)
        status = pages_of_list(v, *page, count, &count);
    return status == 0 ? claim_run(v, *page, count) : status;
}

static bool read_node(const struct verifier *v, const unsigned char *page, unsigned index,
                      unsigned type, struct node *node)
{
    struct page_head head;
    uint16_t offset;

    memcpy(&head, page, sizeof head);
    memcpy(&offset, page + sizeof head + index * sizeof offset, sizeof offset);
    if (offset < head.extent.free.upper || offset > v->page_size - sizeof node->head ||
        offset % 2 != 0)
        return false;
    memcpy(&node->head, page + offset, sizeof node->head);
    node->key = page + offset + sizeof node->head;
    size_t room = v->page_size - offset - sizeof node->head;
    if (node->head.key_size > room)
        return false;
    if (type == PAGE_BRANCH)
        return true;
    node->data = node->key + node->head.key_size;
    size_t inside = (node->head.flags & NODE_BIG) != 0 ? sizeof(size_t) : node->head.data_size;
    return inside <= room - node->head.key_size;
}

static bool page_is_sound(const struct verifier *v, const unsigned char *page, size_t number,
                          unsigned type, unsigned nodes_min, unsigned *nodes)
{
    struct page_head head;

    memcpy(&head, page, sizeof head);
    if (head.number != number || head.flags != type ||
        head.extent.free.lower < sizeof head || head.extent.free.lower % 2 != 0 ||
        head.extent.free.lower > head.extent.free.upper || head.extent.free.upper > v->page_size)
        return false;
    *nodes = (unsigned)(head.extent.free.lower - sizeof head) / 2;
    return *nodes >= nodes_min;
}

static size_t node_size(const struct node *node, unsigned type)
{
    size_t size = sizeof node->head + node->head.key_size;

    if (type == PAGE_LEAF)
        size += (node->head.flags & NODE_BIG) != 0 ? sizeof(size_t) : node->head.data_size;
    return size + size % 2;
}

/* LMDB packs the nodes of a page without gaps, and moves them by their sizes: if two of them shared
 * bytes, it would end up writing past the page. */
static bool nodes_are_packed(const struct verifier *v, const unsigned char *page, unsigned type,
                             unsigned nodes)
{
    uint16_t sizes[PAGE_SIZE_MAX / 2]; /* of the node at each even offset; 0: none */
    struct page_head head;
    struct node node;

    memcpy(&head, page, sizeof head);
    memset(sizes, 0, v->page_size / 2 * sizeof sizes[0]);
    for (unsigned i = 0; i < nodes; i++) {
        if (!read_node(v, page, i, type, &node))
            return false;
        sizes[((size_t)(node.key - page) - sizeof node.head) / 2] =
            (uint16_t)node_size(&node, type);
    }
    size_t at = head.extent.free.upper;
    for (; nodes > 0 && at < v->page_size && sizes[at / 2] != 0; nodes--)
        at += sizes[at / 2];
    return nodes == 0 && at == v->page_size;
}

/* Keys of the free tree are numbers in host order; those of the main tree sort like memcmp. */
static bool keys_ascend(unsigned tree, const struct node *a, const struct node *b)
{
    if (tree == FREE_TREE) {
        size_t left;
        size_t right;
        if (a->head.key_size != sizeof left || b->head.key_size != sizeof right)
            return false;
        memcpy(&left, a->key, sizeof left);
        memcpy(&right, b->key, sizeof right);
        return left < right;
    }
    size_t shorter = a->head.key_size < b->head.key_size ? a->head.key_size : b->head.key_size;
    int order = memcmp(a->key, b->key, shorter);
    return order < 0 || (order == 0 && a->head.key_size < b->head.key_size);
}

static int claim_free_page(struct verifier *v, size_t list, size_t page)
{
    if (page < META_COUNT || page > v->last_page)
        return damaged(v, list, "a list of free pages is out of order");
    if (page >= v->used_bits)
        return damaged(v, list, "a list of free pages goes far beyond the file's end");
    return claim(v, page) ? 0 : damaged(v, page, "a page is in use and free");
}

/* A list of free pages: their count, then their numbers, descending. */
static int check_free_list(struct verifier *v, size_t page, const unsigned char *list, size_t size)
{
    size_t count;
    size_t before = NO_PAGE;
    int status = 0;

    if (size >= sizeof count)
        memcpy(&count, list, sizeof count);
    if (size < sizeof count || size % sizeof count != 0 || count > size / sizeof count - 1)
        return damaged(v, page, "a list of free pages is longer than its record");
    for (size_t i = 1; i <= count && status == 0; i++) {
        size_t number;
        memcpy(&number, list + i * sizeof number, sizeof number);
        status = number < before ? claim_free_page(v, page, number)
                                 : damaged(v, page, "a list of free pages is out of order");
        before = number;
    }
    return status;
}

static int check_free_record(struct verifier *v, size_t page, const struct node *node,
                             size_t overflow)
{
    size_t size = node->head.data_size;

    if (node->head.flags != NODE_BIG)
        return check_free_list(v, page, node->data, size);
    unsigned char *list = malloc(size);
    if (list == NULL)
        return SWTPM_PLUGIN_NO_MEMORY;
    int status = read_at(v->fd, list, size, overflow * v->page_size + sizeof(struct page_head));
    if (status == 0)
        status = check_free_list(v, page, list, size);
    free(list);
    return status;
}

static bool keys_are_in_order(unsigned tree, const struct node *before, const struct node *key,
                              const struct limits *limits)
{
    if (before != NULL && !keys_ascend(tree, before, key))
        return false;
    return (limits->lower == NULL || !keys_ascend(tree, key, limits->lower)) &&
           (limits->upper == NULL || keys_ascend(tree, key, limits->upper));
}

static int check_record(struct verifier *v, unsigned tree, size_t number, const struct node *node)
{
    size_t overflow = NO_PAGE;
    bool is_large = record_is_large(v->page_size, node->head.key_size, node->head.data_size);
    bool lies_outside = node->head.flags == NODE_BIG;

    if (node->head.flags > NODE_BIG)
        return damaged(v, number, "it holds a database within the database");
    /* What was a large list of free pages may have become small. */
    if (is_large != lies_outside && !(tree == FREE_TREE && lies_outside))
        return damaged(v, number, "a record does not lie where one of its size does");
    int status = lies_outside ? claim_overflow(v, tree, node, &overflow) : 0;
    if (status == 0 && tree == FREE_TREE)
        status = check_free_record(v, number, node, overflow);
    return status;
}

static bool key_begins_as_wished(const struct verifier *v, const struct node *node)
{
    const struct verify_wish *wish = v->wish;
    return node->head.key_size >= wish->key_size &&
           memcmp(node->key, wish->key, wish->key_size) == 0;
}

static int check_leaf(struct verifier *v, unsigned tree, size_t number, const unsigned char *page,
                      unsigned nodes, const struct limits *limits)
{
    struct node before = {0};
    int status = 0;

    for (unsigned i = 0; i < nodes && status == 0; i++) {
        struct node node;
        if (!read_node(v, page, i, PAGE_LEAF, &node))
            return damaged(v, number, "a record does not fit its page");
        if (!keys_are_in_order(tree, i > 0 ? &before : NULL, &node, limits))
            return damaged(v, number, "the records of a page are out of order");
        status = check_record(v, tree, number, &node);
        *v->records += tree == MAIN_TREE && key_begins_as_wished(v, &node);
        before = node;
    }
    return status;
}

struct branch {
    unsigned tree;
    size_t number;
    const unsigned char *page;
    unsigned nodes;
    unsigned depth;
    const struct limits *limits;
};

/* The first key of a branch page stands for all that are less than the second, and is not read. */
static int check_entries(struct verifier *v, const struct branch *branch)
{
    struct node before = {0};

    for (unsigned i = 0; i < branch->nodes; i++) {
        struct node node;
        if (!read_node(v, branch->page, i, PAGE_BRANCH, &node))
            return damaged(v, branch->number, "an entry does not fit its page");
        if (i > 0 &&
            !keys_are_in_order(branch->tree, i > 1 ? &before : NULL, &node, branch->limits))
            return damaged(v, branch->number, "the entries of a page are out of order");
        before = node;
    }
    return 0;
}

static struct node entry_of(const struct verifier *v, const struct branch *branch, unsigned i)
{
    struct node node = {0};
    read_node(v, branch->page, i, PAGE_BRANCH, &node);
    return node;
}

static int check_page(struct verifier *v, unsigned tree, size_t number, unsigned depth,
                      enum way way, const struct limits *limits);

static int check_child(struct verifier *v, const struct branch *branch, unsigned i, enum way way)
{
    struct node node = entry_of(v, branch, i);
    struct node next;
    struct limits limits = *branch->limits;

    if (i > 0)
        limits.lower = &node;
    if (i + 1 < branch->nodes) {
        next = entry_of(v, branch, i + 1);
        limits.upper = &next;
    }
    uint64_t child = node.head.data_size | (uint64_t)node.head.flags << 32;
    return check_page(v, branch->tree, (size_t)child, branch->depth - 1, way, &limits);
}

/* As LMDB does it: the last child whose key is not greater. */
static unsigned child_of_key(const struct verifier *v, const struct branch *branch)
{
    const struct node wanted = {
        .head.key_size = (uint16_t)v->wish->key_size, .key = v->wish->key};
    unsigned low = 0;
    unsigned high = branch->nodes;

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        struct node entry = entry_of(v, branch, middle);
        if (keys_ascend(MAIN_TREE, &wanted, &entry))
            high = middle;
        else
            low = middle;
    }
    return low;
}

/* The last child whose key begins as is wished, or `first`. */
static unsigned last_child_of_prefix(const struct verifier *v, const struct branch *branch,
                                     unsigned first)
{
    unsigned last = first;

    while (last + 1 < branch->nodes) {
        struct node next = entry_of(v, branch, last + 1);
        if (!key_begins_as_wished(v, &next))
            break;
        last++;
    }
    return last;
}

/* What LMDB looks at when a page has lost so many records that it is joined with one beside it:
 * that page, and the lowest record of either, for its key. */
static int check_neighbours(struct verifier *v, const struct branch *branch, unsigned first,
                            unsigned last)
{
    int status = first > 1 ? check_child(v, branch, first - 1, WAY_ENDS) : 0;

    if (status == 0 && first > 0)
        status = check_child(v, branch, 0, WAY_LOWEST);
    if (status == 0 && last + 1 < branch->nodes)
        status = check_child(v, branch, last + 1, WAY_LOWEST);
    return status;
}

static int check_wished_children(struct verifier *v, const struct branch *branch)
{
    const struct verify_wish *wish = v->wish;
    unsigned first = child_of_key(v, branch);
    unsigned last =
        (wish->extent & VERIFY_PREFIX) != 0 ? last_child_of_prefix(v, branch, first) : first;
    int status = 0;

    for (unsigned i = first; i <= last && status == 0; i++)
        status = check_child(v, branch, i, WAY_OF_KEYS);
    if (status == 0 && (wish->extent & VERIFY_NEIGHBOURS) != 0)
        status = check_neighbours(v, branch, first, last);
    return status;
}

static int check_all_children(struct verifier *v, const struct branch *branch)
{
    int status = 0;

    for (unsigned i = 0; i < branch->nodes && status == 0; i++)
        status = check_child(v, branch, i, WAY_OF_KEYS);
    return status;
}

static int check_branch(struct verifier *v, const struct branch *branch, enum way way)
{
    int status = check_entries(v, branch);

    if (status != 0 || way == WAY_ENDS)
        return status;
    if (way == WAY_LOWEST)
        return check_child(v, branch, 0, WAY_LOWEST);
    return branch->tree == FREE_TREE ? check_all_children(v, branch)
                                     : check_wished_children(v, branch);
}

/* `depth` levels are left, this one included: at most DEPTH_MAX, so the recursion is bounded. */
static int check_page(struct verifier *v, unsigned tree, size_t number, unsigned depth,
                      enum way way, const struct limits *limits)
{
    unsigned type = depth == 1 ? PAGE_LEAF : PAGE_BRANCH;
    /* LMDB lets branch pages of the free tree alone shrink to one entry. */
    unsigned nodes_min = type == PAGE_BRANCH && tree == MAIN_TREE ? 2 : 1;
    unsigned nodes;
    int status = claim_run(v, number, 1);

    if (status != 0)
        return status;
    unsigned char *page = malloc(v->page_size);
    if (page == NULL)
        return SWTPM_PLUGIN_NO_MEMORY;
    status = read_at(v->fd, page, v->page_size, number * v->page_size);
    if (status == 0 && !page_is_sound(v, page, number, type, nodes_min, &nodes))
        status = damaged(v, number, "a page is not of the kind that is expected there");
    if (status == 0 && !nodes_are_packed(v, page, type, nodes))
        status = damaged(v, number, "the records of a page do not fill it as they should");
    if (status == 0 && type == PAGE_LEAF)
        status = check_leaf(v, tree, number, page, nodes, limits);
    else if (status == 0)
        status = check_branch(v,
                              &(struct branch){.tree = tree,
                                               .number = number,
                                               .page = page,
                                               .nodes = nodes,
                                               .depth = depth,
                                               .limits = limits},
                              way);
    free(page);
    return status;
}

static int check_tree(struct verifier *v, unsigned index, const struct tree *tree,
                      const struct limits *limits)
{
    if (tree->root == NO_PAGE)
        return tree->depth == 0 ? 0 : damaged(v, index, "a tree has levels but no root");
    if (tree->depth < 1 || tree->depth > DEPTH_MAX)
        return damaged(v, index, "a tree is impossibly deep");
    return check_page(v, index, tree->root, tree->depth, WAY_OF_KEYS, limits);
}

/* Free pages are listed under the number of the transaction that gave them up, the first being 1.
 * LMDB aborts the process if one that it comes to is less than those before. */
static int check_free_tree(struct verifier *v, const struct meta *meta)
{
    const size_t first = 1;
    const size_t next = meta->transaction + 1;
    const struct node lower = {
        .head.key_size = sizeof first, .key = (const unsigned char *)&first};
    const struct node upper = {.head.key_size = sizeof next, .key = (const unsigned char *)&next};
    const struct limits limits = {.lower = &lower, .upper = &upper};

    return check_tree(v, FREE_TREE, &meta->trees[FREE_TREE], &limits);
}

/* Pages that were taken and given up in one transaction are free without ever having been written;
 * that is what may be free behind the end of the file. */
enum { UNWRITTEN_MAX = 8192 };

static int check_trees(struct verifier *v, const struct meta *meta)
{
    v->last_page = meta->last_page;
    v->used_bits = v->file_pages + UNWRITTEN_MAX;
    v->used = calloc(v->used_bits / 8 + 1, 1);
    if (v->used == NULL)
        return SWTPM_PLUGIN_NO_MEMORY;
    /* What is in use first, so that a free page that is not free is noticed. */
    int status = check_tree(v, MAIN_TREE, &meta->trees[MAIN_TREE], &(struct limits){0});
    if (status == 0 && (v->wish->extent & VERIFY_FREE_PAGES) != 0)
        status = check_free_tree(v, meta);
    free(v->used);
    return status;
}

int verify_head(int fd, size_t *used, struct verify_damage *damage)
{
    struct verifier v = {.damage = damage};
    struct meta metas[META_COUNT];
    int status = read_metas(&v, fd, metas);

    if (status != 0)
        return status;
    size_t newer = metas[0].transaction < metas[1].transaction;
    *used = (metas[newer].last_page + 1) * v.page_size;
    return 0;
}

/* Two commits since the snapshot was taken have written over its meta page, and also over its pages
 * if they knew of no reader. */
static bool is_overwritten(const struct verify_snapshot *snapshot,
                           const struct meta metas[META_COUNT])
{
    return metas[snapshot->transaction % META_COUNT].transaction != snapshot->transaction;
}

int verify_records(struct verify_snapshot *snapshot, const struct verify_wish *wish)
{
    struct verifier v = {
        .wish = wish, .records = &snapshot->records, .damage = &snapshot->damage};
    struct meta metas[META_COUNT];
    int status = read_metas(&v, snapshot->fd, metas);

    snapshot->records = 0;
    if (status != 0)
        return status;
    if (is_overwritten(snapshot, metas))
        return SWTPM_PLUGIN_BUSY;
    status = check_trees(&v, &metas[snapshot->transaction % META_COUNT]);
    /* It may have been overwritten while it was looked at, and then that is all the damage. */
    if (status == SWTPM_PLUGIN_CORRUPT && read_metas(&v, snapshot->fd, metas) == 0 &&
        is_overwritten(snapshot, metas))
        status = SWTPM_PLUGIN_BUSY;
    return status;
}

int verify_report(const struct verify_damage *damage, int status, const char *path,
                  struct swtpm_plugin_error *error)
{
    if (damage->what != NULL)
        return plugin_fail(error, SWTPM_PLUGIN_CORRUPT,
                           "'%s' is damaged: %s (page %zu); restore it from a backup", path,
                           damage->what, damage->page);
    if (status == SWTPM_PLUGIN_CORRUPT)
        return plugin_fail(error, status, "'%s' is damaged: it became shorter", path);
    if (status == SWTPM_PLUGIN_NO_MEMORY)
        return plugin_fail(error, status, "no memory to check '%s'", path);
    return result_fail_status(error, status, "cannot read '%s'", path);
}

bool verify_value(const void *key, size_t key_size, const void *data, size_t data_size,
                  size_t page_size)
{
    struct page_head head;
    size_t number;

    if (!record_is_large(page_size, key_size, data_size))
        return true;
    memcpy(&number, (const char *)key + key_size, sizeof number);
    memcpy(&head, (const char *)data - sizeof head, sizeof head);
    return overflow_head_is_sound(&head, number, page_size, data_size);
}
