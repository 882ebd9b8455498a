/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/tcp_segment.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "util/big_endian.h"

_Static_assert(sizeof(struct iphdr) + sizeof(struct tcphdr) == TCP_SEGMENT_HEADERS_SIZE,
               "headers without options");

/* The one's complement sum of RFC 1071, begun with `sum`. */
static uint32_t add_words(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (; size > 1; bytes += 2, size -= 2)
        sum += big_endian_get16(bytes);
    if (size == 1)
        sum += (uint32_t)bytes[0] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum > UINT16_MAX)
        sum = (sum & UINT16_MAX) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static uint16_t tcp_checksum(const struct iphdr *ip, const struct tcphdr *tcp, const void *data,
                             size_t size)
{
    /* The pseudo-header: addresses, protocol, length. */
    uint32_t sum = add_words(0, &ip->saddr, 2 * sizeof ip->saddr);
    sum += IPPROTO_TCP + (uint32_t)(sizeof *tcp + size);
    sum = add_words(sum, tcp, sizeof *tcp);
    return fold(add_words(sum, data, size));
}

static struct iphdr ip_header(size_t data_size)
{
    return (struct iphdr){
        .version = IPVERSION,
        .ihl = sizeof(struct iphdr) / 4,
        .tot_len = htons((uint16_t)(TCP_SEGMENT_HEADERS_SIZE + data_size)),
        .frag_off = htons(IP_DF),
        .ttl = IPDEFTTL,
        .protocol = IPPROTO_TCP,
        .saddr = htonl(INADDR_LOOPBACK),
        .daddr = htonl(INADDR_LOOPBACK),
    };
}

static struct tcphdr tcp_header(const struct tcp_segment *segment)
{
    return (struct tcphdr){
        .source = htons(segment->source_port),
        .dest = htons(segment->destination_port),
        .seq = htonl(segment->sequence),
        .ack_seq = htonl(segment->acknowledgment),
        .doff = sizeof(struct tcphdr) / 4,
        .syn = segment->synchronize,
        .ack = segment->acknowledge,
        .psh = segment->size > 0,
        .window = htons(UINT16_MAX),
    };
}

void tcp_segment_headers(const struct tcp_segment *segment, bool checksums,
                         uint8_t headers[TCP_SEGMENT_HEADERS_SIZE])
{
    struct iphdr ip = ip_header(segment->size);
    struct tcphdr tcp = tcp_header(segment);

    if (checksums) {
        ip.check = fold(add_words(0, &ip, sizeof ip));
        tcp.check = tcp_checksum(&ip, &tcp, segment->data, segment->size);
    }
    memcpy(headers, &ip, sizeof ip);
    memcpy(headers + sizeof ip, &tcp, sizeof tcp);
}
