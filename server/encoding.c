/* See encoding.h. */
#include "server/encoding.h"

/* "0", "1", "0.5", "1.000": the weight in thousandths, -1 when malformed. */
static int weight_parse(nf_bytes q) {
  if (q.len < 1 || q.len > 5 || (q.at[0] != '0' && q.at[0] != '1')) return -1;
  if (q.len > 1 && q.at[1] != '.') return -1;
  int weight = (q.at[0] - '0') * 1000, unit = 100;
  for (isize i = 2; i < q.len; i++, unit /= 10) {
    if (q.at[i] < '0' || q.at[i] > '9') return -1;
    weight += (q.at[i] - '0') * unit;
  }
  return weight <= 1000 ? weight : -1;
}

encoding_wish encoding_parse(nf_bytes accept_encoding) {
  int br = -1, gzip = -1, star = -1, identity = -1;
  nf_bytes rest = accept_encoding;
  while (rest.len > 0) {
    nf_bytes item = bytes_take(&rest, ',');
    nf_bytes coding = bytes_take(&item, ';');
    nf_bytes q = bytes_trim(item);
    int weight = 1000;
    if (q.len > 0) {
      if (q.len < 3 || (q.at[0] != 'q' && q.at[0] != 'Q') || q.at[1] != '=') continue;
      weight = weight_parse(bytes_after(q, 2));
      if (weight < 0) continue;
    }
    if (bytes_same_nocase(coding, text("br"))) br = weight;
    if (bytes_same_nocase(coding, text("gzip")) || bytes_same_nocase(coding, text("x-gzip"))) {
      gzip = weight;
    }
    if (bytes_same_nocase(coding, text("*"))) star = weight;
    if (bytes_same_nocase(coding, text("identity"))) identity = weight;
  }
  encoding_wish wish = {br >= 0 ? br : star, gzip >= 0 ? gzip : star};
  if (wish.br < 0 || wish.br < identity) wish.br = 0;
  if (wish.gzip < 0 || wish.gzip < identity) wish.gzip = 0;
  return wish;
}
