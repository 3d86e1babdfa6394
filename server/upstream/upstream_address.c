/* See upstream_address.h. */
#include "server/upstream/upstream_address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

typedef struct {
  u32 net; /* host order */
  int bits;
  address_kind kind;
} v4_row;

#define V4(a, b, c, d) ((u32)(a) << 24 | (u32)(b) << 16 | (u32)(c) << 8 | (u32)(d))
/* The first that fits; none: public. */
static const v4_row V4_ROWS[] = {
    {V4(0, 0, 0, 0), 8, ADDRESS_NEVER},          /* this host */
    {V4(10, 0, 0, 0), 8, ADDRESS_PRIVATE},       /* RFC 1918 */
    {V4(100, 100, 100, 200), 32, ADDRESS_NEVER}, /* metadata of a cloud */
    {V4(100, 64, 0, 0), 10, ADDRESS_PRIVATE},    /* carriers' NAT, RFC 6598 */
    {V4(127, 0, 0, 0), 8, ADDRESS_PRIVATE},
    {V4(168, 63, 129, 16), 32, ADDRESS_NEVER}, /* metadata of a cloud */
    {V4(169, 254, 0, 0), 16, ADDRESS_NEVER},   /* the link, and metadata of most clouds */
    {V4(172, 16, 0, 0), 12, ADDRESS_PRIVATE},
    {V4(192, 0, 0, 0), 24, ADDRESS_NEVER},    /* IETF protocol assignments */
    {V4(192, 0, 2, 0), 24, ADDRESS_NEVER},    /* documentation */
    {V4(192, 88, 99, 0), 24, ADDRESS_NEVER},  /* 6to4 relays */
    {V4(192, 168, 0, 0), 16, ADDRESS_PRIVATE},
    {V4(198, 18, 0, 0), 15, ADDRESS_NEVER},   /* benchmarks */
    {V4(198, 51, 100, 0), 24, ADDRESS_NEVER}, /* documentation */
    {V4(203, 0, 113, 0), 24, ADDRESS_NEVER},  /* documentation */
    {V4(224, 0, 0, 0), 3, ADDRESS_NEVER},     /* multicast, reserved, broadcast */
};

static address_kind v4_kind(u32 address) {
  for (size_t i = 0; i < sizeof V4_ROWS / sizeof V4_ROWS[0]; i++) {
    const v4_row *row = &V4_ROWS[i];
    if ((address ^ row->net) >> (32 - row->bits) == 0) return row->kind;
  }
  return ADDRESS_PUBLIC;
}

static bool begins(const u8 *address, const char *prefix, size_t n) {
  return memcmp(address, prefix, n) == 0;
}

static address_kind v6_kind(const u8 a[16]) {
  static const char zero[12] = {0};
  /* metadata of clouds: fd00:ec2::254, fd20:ce::254 */
  static const char amazon[] = "\xFD\x00\x0E\xC2\0\0\0\0\0\0\0\0\0\0\x02\x54";
  static const char google[] = "\xFD\x20\x00\xCE\0\0\0\0\0\0\0\0\0\0\x02\x54";
  u32 last = V4(a[12], a[13], a[14], a[15]);
  if (begins(a, zero, 12)) return last == 1 ? ADDRESS_PRIVATE : ADDRESS_NEVER; /* ::1 */
  if (begins(a, "\0\0\0\0\0\0\0\0\0\0\xFF\xFF", 12)) return v4_kind(last); /* ::ffff:a.b.c.d */
  if (begins(a, "\x00\x64\xFF\x9B\0\0\0\0\0\0\0\0", 12)) { /* NAT64 */
    return v4_kind(last) == ADDRESS_PUBLIC ? ADDRESS_PUBLIC : ADDRESS_NEVER;
  }
  if (begins(a, amazon, 16) || begins(a, google, 16)) return ADDRESS_NEVER;
  if ((a[0] & 0xFE) == 0xFC) return ADDRESS_PRIVATE;
  if ((a[0] & 0xE0) != 0x20) return ADDRESS_NEVER; /* link, site, multicast, unassigned */
  bool teredo = begins(a, "\x20\x01\x00\x00", 4), six_to_four = begins(a, "\x20\x02", 2);
  bool written = begins(a, "\x20\x01\x0D\xB8", 4) || begins(a, "\x3F\xFF", 2); /* documentation */
  return teredo || six_to_four || written ? ADDRESS_NEVER : ADDRESS_PUBLIC;
}

address_kind upstream_address_kind(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    return v4_kind(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return ADDRESS_NEVER;
  struct sockaddr_in6 v6;
  memcpy(&v6, address, sizeof v6);
  return v6_kind(v6.sin6_addr.s6_addr);
}

bool upstream_address_allowed(const struct sockaddr *address, bool is_private) {
  return upstream_address_kind(address) == (is_private ? ADDRESS_PRIVATE : ADDRESS_PUBLIC);
}

/* ---- URLs ---- */

/* host as curl gives it: numbers of every spelling as a.b.c.d, IPv6 in brackets. A name is fine:
 * what it means is looked at when it is resolved. */
static bool host_allowed(const char *host, bool is_private) {
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  char plain[64];
  if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
    return upstream_address_allowed((const struct sockaddr *)&v4, is_private);
  }
  if (host[0] != '[') return true;
  snprintf(plain, sizeof plain, "%.*s", (int)strcspn(host + 1, "]"), host + 1);
  return inet_pton(AF_INET6, plain, &v6.sin6_addr) == 1 &&
         upstream_address_allowed((const struct sockaddr *)&v6, is_private);
}

static bool has_part(CURLU *url, CURLUPart part) {
  char *found = nullptr;
  bool has = curl_url_get(url, part, &found, 0) == CURLUE_OK;
  curl_free(found);
  return has;
}

/* null: nothing is wrong. */
static const char *url_fault(CURLU *url, bool is_private) {
  char *scheme = nullptr, *host = nullptr;
  const char *fault = nullptr;
  if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
      curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    fault = "expected http:// or https:// and a host";
  } else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) {
    fault = "expected http:// or https://";
  } else if (strcmp(scheme, "http") == 0 && !is_private) {
    fault = "http:// is for private upstreams only";
  } else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
             has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT) ||
             has_part(url, CURLUPART_ZONEID)) {
    fault = "no user, query, fragment or zone may stand in it";
  } else if (!host_allowed(host, is_private)) {
    fault = is_private ? "the address is not a private one" : "the address is not a public one";
  }
  curl_free(scheme);
  curl_free(host);
  return fault;
}

bool upstream_url_check(const char *url, bool is_private, nf_error *error) {
  const char *fault = "no memory";
  CURLU *parsed = curl_url();
  if (parsed != nullptr) {
    bool read = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    fault = read ? url_fault(parsed, is_private) : "expected a URL such as https://host/v1";
  }
  curl_url_cleanup(parsed);
  if (fault == nullptr) return true;
  snprintf(error->line, sizeof error->line, "upstream: the URL: %s", fault);
  return false;
}
