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

/* A new token's line into the file; printed once it is there. flags: of open. */
static bool token_write(const char *path, int flags, const char *name, nf_error *error) {
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
  text_buf_str(&line, name[0] != 0 ? " " : "");
  text_buf_str(&line, name);
  text_buf_str(&line, "\n");
  bool ok = !token.failed && !line.failed;
  int file = ok ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600) : -1;
  ok = file >= 0 && write(file, line.at, (size_t)line.len) == line.len && fsync(file) == 0;
  if (!ok) fail(error, path, strerror(errno));
  if (file >= 0) close(file);
  if (ok) printf("%.*s\n", (int)token.len, token.at);
  free(token.at);
  free(line.at);
  return ok;
}

bool token_make(const char *path, nf_error *error) { return token_write(path, O_EXCL, "", error); }

static bool name_good(nf_bytes name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  if (name.len < 1 || name.len >= TOKEN_NAME_BYTES) return false;
  for (isize i = 0; i < name.len; i++) {
    if (memchr(letters, name.at[i], sizeof letters - 1) == nullptr) return false;
  }
  return true;
}

bool token_add(const char *path, const char *name, nf_error *error) {
  static tokens all; /* 18 KB */
  if (!name_good(text(name))) {
    return fail(error, "the name", "expected 1 to 32 letters, digits, - and _");
  }
  if (access(path, F_OK) == 0 && !token_read(path, &all, error)) return false;
  if (all.n == TOKENS_MAX) return fail(error, path, "it holds 256 tokens already");
  for (int i = 0; i < all.n; i++) {
    if (strcmp(all.rows[i].name, name) == 0) return fail(error, path, "the name is taken");
  }
  return token_write(path, O_APPEND, name, error);
}

/* "sha256:HEX" or "sha256:HEX NAME", without the line's end. */
static bool line_read(nf_bytes line, token_row *row) {
  isize n = (isize)strlen(HASH_PREFIX) + 64;
  *row = (token_row){0};
  if (line.len < n || !bytes_begin(line, HASH_PREFIX) ||
      !digest_read((const char *)line.at + strlen(HASH_PREFIX), row->sha256)) {
    return false;
  }
  nf_bytes name = bytes_after(line, n);
  if (name.len == 0) return true;
  if (name.at[0] != ' ' || !name_good(bytes_after(name, 1))) return false;
  memcpy(row->name, name.at + 1, (size_t)name.len - 1);
  return true;
}

bool token_read(const char *path, tokens *all, nf_error *error) {
  struct stat facts;
  static char lines[TOKENS_MAX * 108 + 1];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &facts) != 0) {
    fail(error, path, strerror(errno));
    if (file >= 0) close(file);
    return false;
  }
  isize n = read(file, lines, sizeof lines);
  close(file);
  if ((facts.st_mode & 077) != 0) return fail(error, path, "others may read it; chmod 600");
  nf_bytes rest = bytes_from(lines, n > 0 ? n : 0);
  bool good = n > 0 && n < (isize)sizeof lines && lines[n - 1] == '\n';
  for (all->n = 0; good && rest.len > 0; all->n += good) {
    isize len = 0;
    while (rest.at[len] != '\n') len++; /* the last byte is one */
    good = all->n < TOKENS_MAX && line_read(bytes_from(rest.at, len), &all->rows[all->n]);
    rest = bytes_after(rest, len + 1);
  }
  return good || fail(error, path, "expected the lines that --make-token and --add-token write");
}

const token_row *token_matches(const tokens *all, nf_bytes authorization) {
  if (authorization.len < 7 ||
      !bytes_same_nocase(bytes_from(authorization.at, 7), text("Bearer "))) {
    return nullptr;
  }
  const token_row *found = nullptr;
  u8 digest[32];
  hash_of(bytes_trim(bytes_after(authorization, 7)), digest);
  for (int i = 0; i < all->n; i++) { /* all of them, whichever it is */
    u8 differs = 0;
    for (int k = 0; k < 32; k++) differs |= (u8)(digest[k] ^ all->rows[i].sha256[k]);
    found = differs == 0 ? &all->rows[i] : found;
  }
  return found;
}
