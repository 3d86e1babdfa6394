/* Where an upstream may lie. Pure. An upstream is public, or by the word `private` of its setting a
 * machine of one's own; neither may be what no upstream ever is: a cloud's metadata service, this
 * network's link, a group of machines. The address is looked at again at every connect, as it was
 * resolved, so a name that comes to mean another address leads nowhere.
 * source IANA IPv4 and IPv6 Special-Purpose Address Registries */
#pragma once
#include <sys/socket.h>

#include "server/words.h"

typedef enum : u8 { ADDRESS_PUBLIC, ADDRESS_PRIVATE, ADDRESS_NEVER } address_kind;

/* address: a sockaddr_in or sockaddr_in6, whole; of any other family: ADDRESS_NEVER. */
address_kind upstream_address_kind(const struct sockaddr *address);
/* May an upstream that is private, or is not, be reached there? */
bool upstream_address_allowed(const struct sockaddr *address, bool is_private);

/* The base URL of an upstream: http or https (http to a private one only), a host, no user, query
 * or fragment; an address in place of a name must be an allowed one, however it is spelt. false:
 * the line says what is wrong, without the URL. */
bool upstream_url_check(const char *url, bool is_private, nf_error *error);
