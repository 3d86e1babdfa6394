/* Preloaded into a server under test: the name "slow.test" is this machine, and takes four seconds
 * to be looked up. All else is the C library's. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
  if (name != NULL && strcmp(name, "slow.test") == 0) {
    sleep(4);
    name = "127.0.0.1";
  }
  return real(name, service, hints, found);
}
