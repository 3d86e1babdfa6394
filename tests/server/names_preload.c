/* Preloaded into a server under test. Names: "slow.test" is this machine, and takes four seconds to
 * be looked up; "a169-254-1-1.at.test" is the address 169.254.1.1, "afd00--1.at.test" fd00::1. And
 * what it connects to over IP goes into the file NAMES_LOG, an address a line. All else is the C
 * library's. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef int connect_to(int, const struct sockaddr *, socklen_t);

/* The address in "a....at.test" into out[64]; 0: it is another name. */
static int address_in(const char *name, char *out) {
  size_t n = strlen(name), end = strlen(".at.test");
  if (name[0] != 'a' || n <= end + 1 || n - end > 60 || strcmp(name + n - end, ".at.test") != 0) {
    return 0;
  }
  size_t len = n - end - 1;
  memcpy(out, name + 1, len);
  out[len] = 0;
  int n_dashes = 0, v4 = 1;
  for (size_t i = 0; i < len; i++) {
    n_dashes += out[i] == '-';
    v4 = v4 && (out[i] == '-' || (out[i] >= '0' && out[i] <= '9'));
  }
  v4 = v4 && n_dashes == 3 && strstr(out, "--") == NULL;
  for (size_t i = 0; i < len; i++) {
    if (out[i] == '-') out[i] = v4 ? '.' : ':';
  }
  return 1;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
  char address[64];
  if (name != NULL && strcmp(name, "slow.test") == 0) {
    sleep(4);
    name = "127.0.0.1";
  } else if (name != NULL && address_in(name, address)) {
    name = address;
  }
  return real(name, service, hints, found);
}

int connect(int fd, const struct sockaddr *to, socklen_t bytes) {
  connect_to *real = (connect_to *)dlsym(RTLD_NEXT, "connect");
  const char *path = getenv("NAMES_LOG");
  char text[64] = "";
  if (to->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in *)to)->sin_addr, text, sizeof text);
  } else if (to->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)to)->sin6_addr, text, sizeof text);
  }
  FILE *log = path != NULL && text[0] != 0 ? fopen(path, "a") : NULL;
  if (log != NULL) {
    fprintf(log, "%s\n", text);
    fclose(log);
  }
  return real(fd, to, bytes);
}
