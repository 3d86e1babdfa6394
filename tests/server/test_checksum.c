/* SHA-1 by the examples of FIPS 180 and at every length around a block, in pieces of any size; and
 * the field Upload-Checksum, which has one spelling for each digest. */
#include "cmocka_all.h"
#include "server/jobs/job_checksum.h"

static void hex_of(const u8 *digest, char out[41]) {
  for (int i = 0; i < SHA1_BYTES; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
static void sha1_is(const char *message, isize times, const char *wanted) {
  u8 digest[SHA1_BYTES];
  char hex[41];
  sha1 hash;
  sha1_begin(&hash);
  for (isize i = 0; i < times; i++) sha1_add(&hash, text(message));
  sha1_end(&hash, digest);
  hex_of(digest, hex);
  assert_string_equal(hex, wanted);
}

static void the_examples_of_the_standard(void **state) {
  (void)state;
  sha1_is("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  sha1_is("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
  sha1_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  sha1_is("a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  sha1_is("0123456701234567012345670123456701234567012345670123456701234567", 10,
          "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

/* The digest of all digests of 0, 1, ... 130 bytes: python3 -c "import hashlib as h;
 * print(h.sha1(b''.join(h.sha1(bytes(range(n))).digest() for n in range(131))).hexdigest())" */
static void every_length_and_every_cut(void **state) {
  (void)state;
  u8 message[131], whole[SHA1_BYTES], digest[SHA1_BYTES];
  sha1 all, hash;
  for (int i = 0; i < 131; i++) message[i] = (u8)i;
  sha1_begin(&all);
  for (isize n = 0; n < 131; n++) {
    sha1_begin(&hash);
    sha1_add(&hash, bytes_from(message, n));
    sha1_end(&hash, whole);
    sha1_add(&all, bytes_from(whole, SHA1_BYTES));
    for (isize cut = 0; cut <= n; cut++) {
      sha1_begin(&hash);
      sha1_add(&hash, bytes_from(message, cut));
      sha1_add(&hash, bytes_from(message + cut, n - cut));
      sha1_end(&hash, digest);
      assert_memory_equal(digest, whole, SHA1_BYTES);
    }
  }
  char hex[41];
  sha1_end(&all, digest);
  hex_of(digest, hex);
  assert_string_equal(hex, "69e8170ae953351d42e29a858ad1f6d32b9fc7d5");
}

static void a_field_has_one_spelling(void **state) {
  (void)state;
  static const char *const good[] = {
      "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
      "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
  };
  static const char *const bad[] = {
      "",
      "sha1",
      "sha1 ",
      "SHA1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
      "md5 kAFQmDzST7DWlj99KOF/cg==",
      "sha1  qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
      "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0",
      "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J1=", /* bits that are none of the digest's */
      "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J==",
      "sha1 qZk-NkcGgWq6PiVxeFDCbJzQ2J0=",
      "sha1 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
      "sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
  };
  job_checksum sum;
  assert_true(job_checksum_read((nf_bytes){0}, &sum));
  assert_int_equal(sum.kind, CHECKSUM_NONE);
  assert_true(job_checksum_is_met(&sum));
  for (int i = 0; i < 2; i++) {
    assert_true(job_checksum_read(text(good[i]), &sum));
    job_checksum_add(&sum, text("ab"));
    job_checksum_add(&sum, text("c"));
    assert_true(job_checksum_is_met(&sum));
    assert_true(job_checksum_read(text(good[i]), &sum));
    job_checksum_add(&sum, text("abd"));
    assert_false(job_checksum_is_met(&sum));
  }
  for (isize i = 0; i < (isize)(sizeof bad / sizeof bad[0]); i++) {
    if (job_checksum_read(text(bad[i]), &sum)) fail_msg("taken: '%s'", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_examples_of_the_standard),
      cmocka_unit_test(every_length_and_every_cut),
      cmocka_unit_test(a_field_has_one_spelling),
  };
  return cmocka_run_group_tests_name("checksum", tests, nullptr, nullptr);
}
