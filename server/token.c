/* See token.h. */
#include "server/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/text_buf.h"

static bool fail(nf_error *error, const char *path, const char *why) {
  snprintf(error->line, sizeof error->line, "%.160s: %s", path, why);
  return false;
}

static void hash_of(nf_bytes bytes, u8 digest[32]) {
  nf_sha256 hash;
  nf_sha256_begin(&hash);
  nf_sha256_add(&hash, bytes);
  nf_sha256_end(&hash, digest);
}

static const char HASH_PREFIX[] = "sha256:";

bool token_make(const char *path, nf_error *error) {
  u8 random[32], digest[32];
  int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  bool have = source >= 0 && read(source, random, sizeof random) == (isize)sizeof random;
  if (source >= 0) close(source);
  if (!have) return fail(error, "/dev/urandom", "cannot be read");
  text_buf token = {0}, line = {0};
  text_buf_hex(&token, random, sizeof random);
  hash_of(bytes_from(token.at, token.len), digest);
  text_buf_str(&line, HASH_PREFIX);
  text_buf_hex(&line, digest, sizeof digest);
  text_buf_str(&line, "\n");
  bool ok = !token.failed && !line.failed;
  int file = ok ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  ok = file >= 0 && write(file, line.at, (size_t)line.len) == line.len && fsync(file) == 0;
  if (!ok) fail(error, path, strerror(errno));
  if (file >= 0) close(file);
  if (ok) printf("%.*s\n", (int)token.len, token.at);
  free(token.at);
  free(line.at);
  return ok;
}

bool token_read(const char *path, token_hash *token, nf_error *error) {
  struct stat facts;
  char line[80];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &facts) != 0) {
    fail(error, path, strerror(errno));
    if (file >= 0) close(file);
    return false;
  }
  isize n = read(file, line, sizeof line);
  close(file);
  if ((facts.st_mode & 077) != 0) return fail(error, path, "others may read it; chmod 600");
  if (n != 72 || memcmp(line, HASH_PREFIX, 7) != 0 || line[71] != '\n' ||
      !digest_read(line + 7, token->sha256)) {
    return fail(error, path, "expected the line that --make-token writes");
  }
  token->set = true;
  return true;
}

bool token_matches(const token_hash *token, nf_bytes authorization) {
  if (authorization.len < 7 ||
      !bytes_same_nocase(bytes_from(authorization.at, 7), text("Bearer "))) {
    return false;
  }
  u8 digest[32], differs = 0;
  hash_of(bytes_trim(bytes_after(authorization, 7)), digest);
  for (int i = 0; i < 32; i++) differs |= (u8)(digest[i] ^ token->sha256[i]);
  return differs == 0;
}
