/* SHA-256 against the NIST example vectors (FIPS 180-4, CAVP SHA256ShortMsg/LongMsg) and
 * against itself for every way of cutting a message. */
#include "base/sha256.h"
#include "cmocka_all.h"

static void digest_is(nf_bytes message, isize n_times, const char *hex) {
  nf_sha256 hash;
  u8 digest[32];
  nf_sha256_begin(&hash);
  for (isize i = 0; i < n_times; i++) nf_sha256_add(&hash, message);
  nf_sha256_end(&hash, digest);
  char text[65] = {0};
  for (int i = 0; i < 32; i++) {
    text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  assert_string_equal(text, hex);
}

static void nist_vectors_agree(void **state) {
  (void)state;
  digest_is(bytes_from_str(""), 1,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest_is(bytes_from_str("abc"), 1,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest_is(bytes_from_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  digest_is(bytes_from_str("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                           "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  digest_is(bytes_from_str("a"), 1000000,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  u8 one = 0xbd, four[4] = {0xc9, 0x8c, 0x8e, 0x55};
  digest_is(bytes_of(&one, 1), 1,
            "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
  digest_is(bytes_of(four, 4), 1,
            "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504");
}

static void every_cut_gives_the_same_digest(void **state) {
  (void)state;
  u8 message[200];
  for (int i = 0; i < 200; i++) message[i] = (u8)(i * 7);
  for (isize len = 0; len <= 200; len += 1) {
    u8 whole[32], pieces[32];
    nf_sha256 hash;
    nf_sha256_begin(&hash);
    nf_sha256_add(&hash, bytes_of(message, len));
    nf_sha256_end(&hash, whole);
    for (isize cut = 0; cut <= len; cut += 1 + len / 9) {
      nf_sha256_begin(&hash);
      nf_sha256_add(&hash, bytes_of(message, cut));
      nf_sha256_add(&hash, bytes_of(message + cut, len - cut));
      nf_sha256_end(&hash, pieces);
      assert_memory_equal(whole, pieces, 32);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nist_vectors_agree),
      cmocka_unit_test(every_cut_gives_the_same_digest),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
