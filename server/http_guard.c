/* See http_guard.h. llhttp runs strict (no lenient flag); what it leaves open is decided here. */
#include "server/http_guard.h"

#include "llhttp.h"

/* ---- end of the head ---- */

static http_head_found refused(int status, const char *why) {
  return (http_head_found){.refusal = {status, why}};
}

http_head_found http_head_scan_add(http_head_scan *scan, nf_bytes bytes) {
  isize room = HTTP_HEAD_BYTES_MAX - scan->n_bytes;
  for (isize i = 0; i < bytes.len; i++) {
    u8 c = bytes.at[i];
    if (i >= room) return refused(431, "head is over 16 KB");
    if (c >= 0x20 && c != 0x7F && scan->last != '\r') { /* nearly every byte */
      if (c == ' ' && (scan->n_newlines > 0 || !scan->in_line)) {
        return refused(400, "folded header line");
      }
      scan->in_line = true;
      scan->n_newlines = 0;
      scan->last = c;
      continue;
    }
    if (scan->last == '\r' && c != '\n') return refused(400, "CR without LF");
    if (c == '\n') {
      if (scan->last != '\r') return refused(400, "LF without CR");
      scan->n_newlines++;
      if (scan->in_line && scan->n_newlines == 2) {
        scan->n_bytes += i + 1;
        return (http_head_found){.complete = true, .used = i + 1};
      }
      if (!scan->in_line && scan->n_newlines == 2) return refused(400, "empty lines");
    } else if (c == '\t') {
      if (scan->n_newlines > 0 || !scan->in_line) return refused(400, "folded header line");
    } else if (c != '\r') {
      return refused(400, "control byte in the head");
    }
    scan->last = c;
  }
  scan->n_bytes += bytes.len;
  return (http_head_found){.used = bytes.len};
}

/* ---- header fields ---- */

/* Headers that may come once only. A second Host, Content-Length, Transfer-Encoding or
 * Authorization is an attack; a second one of the others counts as none. */
typedef enum {
  FIELD_OTHER,
  FIELD_HOST,
  FIELD_CONTENT_LENGTH,
  FIELD_TRANSFER_ENCODING,
  FIELD_AUTHORIZATION,
  FIELD_EXPECT,
  FIELD_CONTENT_TYPE,
  FIELD_ORIGIN,
  FIELD_FETCH_SITE,
  FIELD_IDEMPOTENCY_KEY,
  FIELD_LAST_EVENT_ID,
  FIELD_TUS_RESUMABLE,
  FIELD_UPLOAD_LENGTH,
  FIELD_UPLOAD_OFFSET,
  FIELD_UPLOAD_METADATA,
  FIELD_UPLOAD_CHECKSUM,
  FIELD_METHOD_OVERRIDE,
  FIELD_ACCEPT_ENCODING,
  FIELD_RANGE,
  FIELD_IF_RANGE,
  FIELD_IF_MATCH,
  FIELD_IF_NONE_MATCH,
  FIELD_IF_MODIFIED_SINCE,
  FIELD_IF_UNMODIFIED_SINCE,
  N_FIELDS,
} field_id;

static const char *const FIELD_NAMES[N_FIELDS] = {
    [FIELD_OTHER] = "",
    [FIELD_HOST] = "host",
    [FIELD_CONTENT_LENGTH] = "content-length",
    [FIELD_TRANSFER_ENCODING] = "transfer-encoding",
    [FIELD_AUTHORIZATION] = "authorization",
    [FIELD_EXPECT] = "expect",
    [FIELD_CONTENT_TYPE] = "content-type",
    [FIELD_ORIGIN] = "origin",
    [FIELD_FETCH_SITE] = "sec-fetch-site",
    [FIELD_IDEMPOTENCY_KEY] = "idempotency-key",
    [FIELD_LAST_EVENT_ID] = "last-event-id",
    [FIELD_TUS_RESUMABLE] = "tus-resumable",
    [FIELD_UPLOAD_LENGTH] = "upload-length",
    [FIELD_UPLOAD_OFFSET] = "upload-offset",
    [FIELD_UPLOAD_METADATA] = "upload-metadata",
    [FIELD_UPLOAD_CHECKSUM] = "upload-checksum",
    [FIELD_METHOD_OVERRIDE] = "x-http-method-override",
    [FIELD_ACCEPT_ENCODING] = "accept-encoding",
    [FIELD_RANGE] = "range",
    [FIELD_IF_RANGE] = "if-range",
    [FIELD_IF_MATCH] = "if-match",
    [FIELD_IF_NONE_MATCH] = "if-none-match",
    [FIELD_IF_MODIFIED_SINCE] = "if-modified-since",
    [FIELD_IF_UNMODIFIED_SINCE] = "if-unmodified-since",
};

static field_id field_id_of(nf_bytes name) {
  for (int id = 1; id < N_FIELDS; id++) {
    if (bytes_same_nocase(name, text(FIELD_NAMES[id]))) return (field_id)id;
  }
  return FIELD_OTHER;
}

/* What llhttp reports about one head, collected by its callbacks. The head is given in one
 * piece, so every span is whole and stays where it is. */
typedef struct {
  nf_bytes target, name;
  nf_bytes value[N_FIELDS];
  int n_seen[N_FIELDS];
  int n_headers;
  bool headers_complete, keep_alive;
} head_facts;

static int on_target(llhttp_t *parser, const char *at, size_t len) {
  head_facts *facts = parser->data;
  facts->target = bytes_from(at, (isize)len);
  return 0;
}
static int on_name(llhttp_t *parser, const char *at, size_t len) {
  head_facts *facts = parser->data;
  facts->name = bytes_from(at, (isize)len);
  return 0;
}
static int on_value(llhttp_t *parser, const char *at, size_t len) {
  head_facts *facts = parser->data;
  field_id id = field_id_of(facts->name);
  facts->value[id] = bytes_trim(bytes_from(at, (isize)len));
  return 0;
}
/* Also called for a header without a value, for which llhttp reports no span. */
static int on_value_complete(llhttp_t *parser) {
  head_facts *facts = parser->data;
  field_id id = field_id_of(facts->name);
  facts->n_seen[id]++;
  if (facts->value[id].at == nullptr) facts->value[id] = bytes_from("", 0);
  return ++facts->n_headers > HTTP_HEADERS_MAX ? HPE_USER : 0;
}
static int on_headers_complete(llhttp_t *parser) {
  head_facts *facts = parser->data;
  facts->headers_complete = true;
  facts->keep_alive = llhttp_should_keep_alive(parser) != 0; /* asked later, it has forgotten */
  parser->upgrade = 0; /* no upgrade is ever taken: the connection stays HTTP/1 */
  return 0;
}

static nf_bytes value_once(const head_facts *facts, field_id id) {
  return facts->n_seen[id] == 1 ? facts->value[id] : (nf_bytes){0};
}

/* The same where none would say "nothing to fear": of two, a value that is never allowed. */
static nf_bytes value_twice_bad(const head_facts *facts, field_id id) {
  return facts->n_seen[id] > 1 ? text("?") : facts->value[id];
}

/* llhttp's verdict as an HTTP status. */
static http_refusal refusal_of(llhttp_errno_t error, const head_facts *facts) {
  if (facts->n_headers > HTTP_HEADERS_MAX) return (http_refusal){431, "over 100 headers"};
  switch (error) {
    case HPE_INVALID_METHOD: return (http_refusal){501, "unknown method"};
    case HPE_INVALID_VERSION: return (http_refusal){505, "unknown HTTP version"};
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH: return (http_refusal){400, "bad Content-Length"};
    case HPE_INVALID_TRANSFER_ENCODING: return (http_refusal){400, "bad Transfer-Encoding"};
    case HPE_INVALID_URL: return (http_refusal){400, "bad request target"};
    default: return (http_refusal){400, "malformed head"};
  }
}

/* METHOD SP target SP HTTP/1.x, with exactly these two spaces. llhttp alone would also take
 * RTSP/1.0, HTTP/0.9 and runs of spaces. */
static http_refusal request_line_check(nf_bytes head) {
  if (bytes_begin(head, "\r\n")) head = bytes_after(head, 2); /* RFC 9112, 2.2 */
  isize len = 0, method_len = 0, n_spaces = 0;
  while (len < head.len && head.at[len] != '\r') {
    if (head.at[len] == ' ' && n_spaces++ == 0) method_len = len;
    len++;
  }
  nf_bytes line = bytes_from(head.at, len);
  if (n_spaces != 2) return (http_refusal){400, "malformed request line"};
  for (isize i = 0; i < method_len; i++) {
    bool in_token = (line.at[i] >= 'A' && line.at[i] <= 'Z') || line.at[i] == '-';
    if (!in_token) return (http_refusal){400, "malformed method"};
  }
  if (bytes_finish(line, " HTTP/1.1") || bytes_finish(line, " HTTP/1.0")) return (http_refusal){0};
  return bytes_finish(bytes_from(line.at, len > 3 ? len - 3 : 0), " HTTP/")
             ? (http_refusal){505, "unknown HTTP version"}
             : (http_refusal){400, "malformed request line"};
}

/* ---- framing ---- */

static http_refusal framing_check(const head_facts *facts, http_request *request) {
  nf_bytes te = facts->value[FIELD_TRANSFER_ENCODING];
  nf_bytes length = facts->value[FIELD_CONTENT_LENGTH];
  request->content_length = -1;
  if (facts->n_seen[FIELD_TRANSFER_ENCODING] > 1)
    return (http_refusal){400, "two Transfer-Encodings"};
  if (facts->n_seen[FIELD_CONTENT_LENGTH] > 1) return (http_refusal){400, "two Content-Lengths"};
  if (te.at != nullptr) {
    if (length.at != nullptr) {
      return (http_refusal){400, "Transfer-Encoding beside Content-Length"};
    }
    if (request->http10) return (http_refusal){400, "Transfer-Encoding in HTTP/1.0"};
    if (!bytes_same_nocase(te, text("chunked"))) {
      return (http_refusal){400, "Transfer-Encoding is not chunked"};
    }
    request->has_body = true;
  }
  if (length.at != nullptr) {
    if (!bytes_number(length, &request->content_length)) {
      return (http_refusal){400, "bad Content-Length"};
    }
    request->has_body = request->content_length > 0;
  }
  return (http_refusal){0};
}

/* ---- host and target ---- */

static bool host_allowed(const http_hosts *hosts, nf_bytes host) {
  for (int i = 0; i < hosts->n_allowed; i++) {
    if (bytes_same_nocase(hosts->allowed[i], host)) return true;
  }
  return false;
}

/* http://AUTHORITY/path -> "/path"; the authority must be the Host header's (RFC 9112, 3.2.2
 * lets it win; we want no doubt). Leaves other targets alone. */
static http_refusal target_check(nf_bytes host, nf_bytes *target) {
  nf_bytes t = *target;
  isize scheme = bytes_begin(t, "http://") ? 7 : bytes_begin(t, "https://") ? 8 : 0;
  if (scheme == 0) return (http_refusal){0};
  nf_bytes rest = bytes_after(t, scheme);
  isize n = 0;
  while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?') n++;
  if (!bytes_same_nocase(bytes_from(rest.at, n), host)) {
    return (http_refusal){400, "request target names another host"};
  }
  *target = n < rest.len && rest.at[n] == '/' ? bytes_after(rest, n) : text("/");
  return (http_refusal){0};
}

static http_refusal request_check(const head_facts *facts, const http_hosts *hosts,
                                  http_request *request) {
  if (facts->n_seen[FIELD_HOST] != 1) {
    return (http_refusal){400, facts->n_seen[FIELD_HOST] == 0 ? "no Host" : "two Hosts"};
  }
  request->host = facts->value[FIELD_HOST];
  http_refusal refusal = framing_check(facts, request);
  if (refusal.status != 0) return refusal;
  if (facts->n_seen[FIELD_AUTHORIZATION] > 1) return (http_refusal){400, "two Authorizations"};
  if (facts->n_seen[FIELD_EXPECT] > 0 && !request->http10) {
    if (!bytes_same_nocase(facts->value[FIELD_EXPECT], text("100-continue"))) {
      return (http_refusal){417, "unknown Expect"};
    }
    request->expect_continue = request->has_body;
  }
  if (!host_allowed(hosts, request->host)) return (http_refusal){421, "Host is not one of ours"};
  nf_bytes target = facts->target;
  refusal = target_check(request->host, &target);
  if (refusal.status != 0) return refusal;
  if (request->method > METHOD_HEAD && bytes_same(target, text("*"))) target = text("/");
  return http_path_decode(target, request->path, &request->path_len);
}

http_refusal http_head_parse(nf_bytes head, const http_hosts *hosts, http_request *request) {
  static llhttp_settings_t settings; /* the same for every parse; a loop has one thread */
  if (settings.on_url == nullptr) {
    llhttp_settings_init(&settings);
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_url = on_target;
  }
  head_facts facts = {0};
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &facts;
  memset(request, 0, offsetof(http_request, path));
  request->method = METHOD_OTHER;
  request->method_name = "?";
  request->content_length = -1;
  http_refusal line_refusal = request_line_check(head);
  if (line_refusal.status != 0) return line_refusal;

  llhttp_errno_t error = llhttp_execute(&parser, (const char *)head.at, (size_t)head.len);
  if (error != HPE_OK) return refusal_of(error, &facts);
  if (!facts.headers_complete) return (http_refusal){400, "malformed head"};
  request->http10 = parser.http_minor == 0;
  request->method_name = llhttp_method_name((llhttp_method_t)parser.method);
  if (parser.method == HTTP_GET) request->method = METHOD_GET;
  if (parser.method == HTTP_HEAD) request->method = METHOD_HEAD;
  if (parser.method == HTTP_POST) request->method = METHOD_POST;
  if (parser.method == HTTP_DELETE) request->method = METHOD_DELETE;
  if (parser.method == HTTP_PATCH) request->method = METHOD_PATCH;
  if (parser.method == HTTP_OPTIONS) request->method = METHOD_OPTIONS;
  http_refusal refusal = request_check(&facts, hosts, request);
  if (refusal.status != 0) return refusal;
  request->keep_alive = facts.keep_alive;
  request->accept_encoding = value_once(&facts, FIELD_ACCEPT_ENCODING);
  request->authorization = value_once(&facts, FIELD_AUTHORIZATION);
  request->content_type = value_once(&facts, FIELD_CONTENT_TYPE);
  request->origin = value_twice_bad(&facts, FIELD_ORIGIN);
  request->fetch_site = value_twice_bad(&facts, FIELD_FETCH_SITE);
  request->idempotency_key = value_once(&facts, FIELD_IDEMPOTENCY_KEY);
  request->last_event_id = value_once(&facts, FIELD_LAST_EVENT_ID);
  request->tus_resumable = value_twice_bad(&facts, FIELD_TUS_RESUMABLE);
  request->upload_length = value_twice_bad(&facts, FIELD_UPLOAD_LENGTH);
  request->upload_offset = value_twice_bad(&facts, FIELD_UPLOAD_OFFSET);
  request->upload_metadata = value_once(&facts, FIELD_UPLOAD_METADATA);
  request->upload_checksum = value_twice_bad(&facts, FIELD_UPLOAD_CHECKSUM);
  request->method_override = value_twice_bad(&facts, FIELD_METHOD_OVERRIDE);
  request->range = value_once(&facts, FIELD_RANGE);
  request->if_range = value_once(&facts, FIELD_IF_RANGE);
  request->if_match = value_once(&facts, FIELD_IF_MATCH);
  request->if_none_match = value_once(&facts, FIELD_IF_NONE_MATCH);
  request->if_modified_since = value_once(&facts, FIELD_IF_MODIFIED_SINCE);
  request->if_unmodified_since = value_once(&facts, FIELD_IF_UNMODIFIED_SINCE);
  return (http_refusal){0};
}
