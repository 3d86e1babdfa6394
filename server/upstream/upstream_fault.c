/* See upstream_fault.h. */
#include "server/upstream/upstream_fault.h"

typedef struct {
  int status;
  const char *code, *line; /* line: what follows "the upstream NAME " */
  bool passing, free;
  nf_try_outcome outcome;
} fault_row;

static const fault_row ROWS[N_FAULTS] = {
    [FAULT_NONE] = {500, "none", "did nothing wrong", false, false, NF_TRY_OK},
    [FAULT_UNREACHABLE] = {502, "upstream_unreachable", "cannot be reached", true, true,
                           NF_TRY_FAILED},
    [FAULT_ADDRESS] = {502, "upstream_address_refused", "has an address it may not have", false,
                       true, NF_TRY_FAILED},
    [FAULT_CONNECT_TIMEOUT] = {504, "upstream_connect_timeout", "does not take the connection",
                               true, true, NF_TRY_FAILED},
    [FAULT_TLS] = {502, "upstream_tls", "has no certificate that holds", false, true,
                   NF_TRY_FAILED},
    [FAULT_FIRST_BYTE] = {504, "upstream_timeout", "does not answer", false, false, NF_TRY_FAILED},
    [FAULT_STALLED] = {504, "upstream_stalled", "fell silent in its answer", false, false,
                       NF_TRY_FAILED},
    [FAULT_LATE] = {504, "deadline", "took too long", false, false, NF_TRY_FAILED},
    [FAULT_CUT] = {502, "upstream_cut", "ended before its answer did", true, false, NF_TRY_FAILED},
    [FAULT_MALFORMED] = {502, "upstream_malformed", "answered what is no completion", false, false,
                         NF_TRY_FAILED},
    [FAULT_TOO_LARGE] = {502, "upstream_too_large", "answered more than is taken", false, false,
                         NF_TRY_FAILED},
    [FAULT_CONTENT_TYPE] = {502, "upstream_content_type", "answered another kind of content", false,
                            false, NF_TRY_FAILED},
    [FAULT_ENCODING] = {502, "upstream_encoding", "compressed its answer unasked", false, false,
                        NF_TRY_FAILED},
    [FAULT_REDIRECT] = {502, "upstream_redirect", "points elsewhere, which is not followed", false,
                        true, NF_TRY_FAILED},
    [FAULT_KEY] = {502, "upstream_key_refused", "does not take this server's key", false, true,
                   NF_TRY_FAILED},
    [FAULT_NOT_FOUND] = {502, "upstream_not_found", "does not know the path or the model", false,
                         true, NF_TRY_NEUTRAL},
    [FAULT_REQUEST] = {400, "upstream_refused", "does not take the request", false, true,
                       NF_TRY_NEUTRAL},
    [FAULT_BUSY] = {429, "upstream_busy", "has too many requests", true, true, NF_TRY_NEUTRAL},
    [FAULT_SERVER] = {502, "upstream_failed", "failed", true, true, NF_TRY_FAILED},
    [FAULT_LEAK] = {502, "upstream_leak", "answered what must not be passed on", false, false,
                    NF_TRY_FAILED},
    [FAULT_NO_MEMORY] = {503, "no_memory", "was not asked: no memory", false, false,
                         NF_TRY_NEUTRAL},
    [FAULT_OPEN] = {503, "upstream_unavailable", "has failed again and again and is left alone",
                    false, true, NF_TRY_NEUTRAL},
};

upstream_fault upstream_fault_of_curl(CURLcode result) {
  switch (result) {
    case CURLE_OK: return FAULT_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return FAULT_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT: return FAULT_CONNECT_TIMEOUT; /* curl has no other deadline */
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR: return FAULT_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_ABORTED_BY_CALLBACK: /* it would have been sent again */
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE: return FAULT_CUT;
    case CURLE_OUT_OF_MEMORY: return FAULT_NO_MEMORY;
    default: return FAULT_MALFORMED; /* HTTP/0.9, a head that is none */
  }
}

upstream_fault upstream_fault_of_status(int status) {
  switch (status) {
    case 200: return FAULT_NONE;
    case 401:
    case 403: return FAULT_KEY;
    case 404: return FAULT_NOT_FOUND;
    case 400:
    case 413:
    case 422: return FAULT_REQUEST;
    case 429: return FAULT_BUSY;
    default: break;
  }
  if (status >= 500 && status < 600) return FAULT_SERVER;
  return status >= 300 && status < 400 ? FAULT_REDIRECT : FAULT_MALFORMED;
}

bool upstream_fault_is_passing(upstream_fault fault) { return ROWS[fault].passing; }
bool upstream_fault_is_free(upstream_fault fault) { return ROWS[fault].free; }
nf_try_outcome upstream_fault_outcome(upstream_fault fault) { return ROWS[fault].outcome; }
const char *upstream_fault_code(upstream_fault fault) { return ROWS[fault].code; }

void upstream_fault_error(upstream_fault fault, const char *name, const char *message,
                          int retry_after_s, api_error *error) {
  const fault_row *row = &ROWS[fault];
  api_error_set(error, row->status, row->code, nullptr, "the upstream %s %s%s%.160s", name,
                row->line, message[0] != 0 ? ": " : "", message);
  error->retry_after_s = retry_after_s;
}
