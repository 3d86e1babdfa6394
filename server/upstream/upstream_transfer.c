/* See upstream_transfer.h. */
#include "server/upstream/upstream_transfer.h"

#include <fcntl.h>

#include "server/upstream/upstream_address.h"

enum {
  HEADER_BYTES_MAX = 65536, /* of all heads of an answer, those of 100 Continue included */
  RECEIVE_BUFFER_BYTES = 65536, /* the kernel's, so that a paused transfer holds little */
  RETRY_AFTER_S_MAX = 3600,
};

/* ---- curl's callbacks ---- */

static curl_socket_t on_open(void *to, curlsocktype purpose, struct curl_sockaddr *address) {
  upstream_transfer *t = to;
  (void)purpose;
  if (!upstream_address_allowed(&address->addr, t->desc.is_private)) {
    t->refused = true;
    return CURL_SOCKET_BAD;
  }
  int bytes = RECEIVE_BUFFER_BYTES;
  int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Before it goes out. curl repeats it, unasked, where a kept connection ends without a byte of an
 * answer; the upstream may have been at work on it. */
static int on_send(void *to, char *ip, char *own_ip, int port, int own_port) {
  upstream_transfer *t = to;
  (void)ip, (void)own_ip, (void)port, (void)own_port;
  bool again = t->sent;
  t->sent = true;
  return again && t->desc.once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* The value of a header called `name`; false: another one. */
static bool header_is(nf_bytes line, const char *name, nf_bytes *value) {
  nf_bytes rest = line;
  if (!bytes_same_nocase(bytes_take(&rest, ':'), text(name))) return false;
  while (rest.len > 0 && (rest.at[rest.len - 1] == '\n' || rest.at[rest.len - 1] == '\r')) {
    rest.len--;
  }
  *value = bytes_trim(rest);
  return true;
}

static void header_read(upstream_transfer *t, nf_bytes line) {
  nf_bytes value;
  i64 seconds;
  if (bytes_begin(line, "HTTP/")) { /* a new head: what the one before said is void */
    t->is_json = t->is_events = t->is_encoded = t->head_whole = false;
    t->retry_after_s = 0;
  } else if (bytes_begin(line, "\r\n") || bytes_begin(line, "\n")) {
    t->head_whole = true;
  } else if (header_is(line, "content-type", &value)) {
    nf_bytes kind = bytes_take(&value, ';');
    t->is_json = bytes_same_nocase(kind, text("application/json"));
    t->is_events = bytes_same_nocase(kind, text("text/event-stream"));
  } else if (header_is(line, "content-encoding", &value)) {
    t->is_encoded = value.len > 0 && !bytes_same_nocase(value, text("identity"));
  } else if (header_is(line, "retry-after", &value) && bytes_number(value, &seconds)) {
    t->retry_after_s = seconds < RETRY_AFTER_S_MAX ? (int)seconds : RETRY_AFTER_S_MAX;
  }
}

static size_t on_header(char *at, size_t size, size_t n, void *to) {
  upstream_transfer *t = to;
  nf_bytes line = bytes_from(at, (isize)(size * n));
  t->header_bytes += line.len;
  if (t->header_bytes > HEADER_BYTES_MAX) return 0;
  header_read(t, line);
  return (size_t)line.len;
}

static size_t on_bytes(char *at, size_t size, size_t n, void *to) {
  upstream_transfer *t = to;
  long status = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  t->status = (int)status;
  t->in_callback = true;
  bytes_answer answer = t->desc.bytes(t->desc.owner, bytes_from(at, (isize)(size * n)));
  t->in_callback = false;
  if (answer == BYTES_LATER) return CURL_WRITEFUNC_PAUSE;
  t->unwanted = answer == BYTES_UNWANTED;
  return t->unwanted ? 0 : size * n;
}

/* ---- beginning and end ---- */

static void end(upstream_transfer *t) {
  curl_easy_cleanup(t->easy);
  curl_slist_free_all(t->desc.headers);
  t->easy = nullptr;
}

static void on_done(void *owner, CURLcode result) {
  upstream_transfer *t = owner;
  long status = 0;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  t->status = (int)status;
  upstream_fault fault = t->unwanted                                     ? FAULT_NONE
                         : t->refused && result == CURLE_COULDNT_CONNECT ? FAULT_ADDRESS
                         : t->header_bytes > HEADER_BYTES_MAX            ? FAULT_TOO_LARGE
                                                              : upstream_fault_of_curl(result);
  if (result == CURLE_OK && !t->head_whole) fault = FAULT_CUT; /* curl takes that for an answer */
  if (t->sent && upstream_fault_is_free(fault)) fault = FAULT_CUT; /* the repeat got nowhere */
  end(t);
  t->desc.done(t->desc.owner, fault);
}

/* What a transfer may do is said once, here; nothing comes from the environment or a .netrc. */
static void options_set(upstream_transfer *t) {
  CURL *e = t->easy;
  const upstream_transfer_desc *d = &t->desc;
  curl_easy_setopt(e, CURLOPT_URL, d->url);
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  /* a transfer that ends does not wait for its name to be looked up: that would stop the loop */
  curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  if (d->ca_file != nullptr) curl_easy_setopt(e, CURLOPT_CAINFO, d->ca_file);
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)d->connect_ms);
  curl_easy_setopt(e, CURLOPT_POST, 1L);
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, (const char *)d->body.at);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)d->body.len);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, d->headers);
  curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
  curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
}

bool upstream_transfer_begin(upstream_transfer *t, curl_loop *loop,
                             const upstream_transfer_desc *desc) {
  ASSERT(t->easy == nullptr);
  *t = (upstream_transfer){.desc = *desc, .loop = loop, .easy = curl_easy_init()};
  if (t->easy == nullptr || desc->headers == nullptr) {
    end(t);
    return false;
  }
  t->entry = (curl_transfer){.done = on_done, .owner = t};
  options_set(t);
  if (curl_loop_add(loop, t->easy, &t->entry)) return true;
  end(t);
  return false;
}

void upstream_transfer_resume(upstream_transfer *t) {
  if (t->easy == nullptr) return;
  CURLcode result = curl_easy_pause(t->easy, CURLPAUSE_CONT); /* gives what it held back */
  if (result == CURLE_OK) return;
  curl_loop_remove(t->loop, t->easy); /* curl forgets the failure otherwise, and reads on */
  on_done(t, result);
}

void upstream_transfer_cancel(upstream_transfer *t) {
  if (t->easy == nullptr) return;
  ASSERT(!t->in_callback);
  curl_loop_remove(t->loop, t->easy);
  end(t);
}
