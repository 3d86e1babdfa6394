/* os_posix.c: memory, whole-file reading, replacing a file or not at all, waiting. Works in a
 * folder of its own under /tmp; a full disk is a file size limit (and /dev/full). */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "cmocka_all.h"
#include "os/os.h"

static char folder[64];
static char path[128];

static const char *in_folder(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int folder_make(void **state) {
  (void)state;
  strcpy(folder, "/tmp/nf_test_os_XXXXXX");
  return mkdtemp(folder) == nullptr;
}

static int entries(void) {
  DIR *dir = opendir(folder);
  int n = 0;
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) n += e->d_name[0] != '.';
  closedir(dir);
  return n;
}

static int folder_remove(void **state) {
  (void)state;
  DIR *dir = opendir(folder);
  for (struct dirent *e; (e = readdir(dir)) != nullptr;) {
    if (e->d_name[0] != '.') unlink(in_folder(e->d_name));
  }
  closedir(dir);
  return rmdir(folder);
}

static void file_is(const char *at, const char *content) {
  os_map block;
  nf_error error;
  assert_int_equal(os_file_read(at, 1 << 20, &block, &error), NF_OK);
  assert_int_equal(block.len, strlen(content));
  if (block.len > 0) assert_memory_equal(block.at, content, block.len);
  os_memory_release(block.at, block.len);
}

static void memory_is_zeroed_and_aligned(void **state) {
  (void)state;
  u8 *at = os_memory_get(10 << 20);
  assert_non_null(at);
  assert_int_equal((uintptr_t)at % 4096, 0);
  for (isize i = 0; i < 10 << 20; i += 511) assert_int_equal(at[i], 0);
  at[(10 << 20) - 1] = 1;
  os_memory_release(at, 10 << 20);
  assert_null(os_memory_get(0));
  assert_null(os_memory_get(ISIZE_MAX));
  os_memory_release(nullptr, 0);
}

static void replace_writes_all_and_keeps_the_mode(void **state) {
  (void)state;
  nf_error error;
  const char *at = in_folder("out.srt");
  assert_int_equal(os_file_replace(at, bytes_from_str("one"), &error), NF_OK);
  file_is(at, "one");
  struct stat info;
  const char *fresh = in_folder("fresh.srt"); /* a new file has the umask's mode */
  mode_t mask = umask(027);
  assert_int_equal(os_file_replace(fresh, bytes_from_str("new"), &error), NF_OK);
  assert_int_equal(umask(mask), 027);
  assert_int_equal(stat(fresh, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_int_equal(unlink(fresh), 0);
  at = in_folder("out.srt");
  assert_int_equal(chmod(at, 0640), 0);
  assert_int_equal(os_file_replace(at, bytes_from_str("two, longer"), &error), NF_OK);
  file_is(at, "two, longer");
  assert_int_equal(stat(at, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  assert_int_equal(os_file_replace(at, (nf_bytes){}, &error), NF_OK);
  file_is(at, "");
  assert_int_equal(entries(), 1);
}

static void replace_follows_a_link(void **state) {
  (void)state;
  nf_error error;
  char target[128];
  snprintf(target, sizeof target, "%s", in_folder("out.srt"));
  const char *link = in_folder("link.srt");
  assert_int_equal(symlink(target, link), 0);
  assert_int_equal(os_file_replace(link, bytes_from_str("through"), &error), NF_OK);
  struct stat info;
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  file_is(target, "through");
  unlink(link);
}

/* A child whose files may not grow past 4 KiB: write fails in the middle, as on a full disk. */
static void a_full_disk_leaves_the_old_file(void **state) {
  (void)state;
  nf_error error;
  char at[128];
  snprintf(at, sizeof at, "%s", in_folder("kept.srt"));
  assert_int_equal(os_file_replace(at, bytes_from_str("old text"), &error), NF_OK);
  int before = entries();
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
    static u8 large[65536];
    nf_status status = os_file_replace(at, bytes_of(large, sizeof large), &error);
    bool named = strstr(error.line, "kept.srt") != nullptr && strchr(error.line, '\n') == nullptr;
    _exit(status == NF_IO && named ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  file_is(at, "old text");
  assert_int_equal(entries(), before);
}

static void a_device_is_written_not_replaced(void **state) {
  (void)state;
  nf_error error;
  assert_int_equal(os_file_replace("/dev/full", bytes_from_str("text"), &error), NF_IO);
  assert_non_null(strstr(error.line, "/dev/full"));
  struct stat info;
  assert_int_equal(stat("/dev/full", &info), 0);
  assert_true(S_ISCHR(info.st_mode));
  assert_int_equal(os_file_replace("/dev/null", bytes_from_str("text"), &error), NF_OK);
}

/* Root writes where modes forbid: the child gives root up first. */
static void an_unwritable_place_is_an_error(void **state) {
  (void)state;
  nf_error error;
  int before = entries();
  assert_int_equal(os_file_replace(folder, bytes_from_str("x"), &error), NF_IO);
  assert_int_equal(os_file_replace("/nonexistent/a/b", bytes_from_str("x"), &error), NF_IO);
  assert_int_equal(os_file_replace("/proc/nf.srt", bytes_from_str("x"), &error), NF_IO);
  char at[128];
  snprintf(at, sizeof at, "%s", in_folder("kept.srt"));
  pid_t child = fork();
  if (child == 0) {
    if (chmod(folder, 0755) != 0 || (getuid() == 0 && setuid(65534) != 0)) _exit(2);
    if (getuid() != 65534 && chmod(folder, 0555) != 0) _exit(3);
    if (os_file_replace(at, bytes_from_str("x"), &error) != NF_IO) _exit(4);
    if (os_file_replace(in_folder("new.srt"), bytes_from_str("x"), &error) != NF_IO) _exit(5);
    _exit(strstr(error.line, "new.srt") != nullptr ? 0 : 6);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  chmod(folder, 0755);
  assert_int_equal(status, 0);
  file_is(at, "old text");
  assert_int_equal(entries(), before);
}

static void reading_says_what_is_wrong(void **state) {
  (void)state;
  nf_error error;
  os_map block = {.len = 7};
  assert_int_equal(os_file_read("/nonexistent/x.srt", 100, &block, &error), NF_IO);
  assert_non_null(strstr(error.line, "/nonexistent/x.srt"));
  assert_int_equal(os_file_read(folder, 100, &block, &error), NF_IO);
  assert_int_equal(os_file_read("/dev/zero", 100'000, &block, &error), NF_BAD_INPUT);
  assert_int_equal(os_file_map("/nonexistent/m.gguf", &block, &error), NF_IO);
  assert_int_equal(os_file_map(folder, &block, &error), NF_IO);
  assert_int_equal(os_file_map("/dev/zero", &block, &error), NF_IO);
  assert_int_equal(block.len, 7); /* untouched */
  assert_int_equal(os_file_replace(in_folder("empty"), (nf_bytes){}, &error), NF_OK);
  assert_int_equal(os_file_map(in_folder("empty"), &block, &error), NF_BAD_INPUT);
}

static void files_of_every_size_come_back(void **state) {
  (void)state;
  static u8 content[700'000];
  for (isize i = 0; i < (isize)sizeof content; i++) content[i] = (u8)(i * 31 >> 3);
  static const isize sizes[] = {1, 4095, 4096, 4097, 65536, 65537, 262144, 262145, 700'000};
  nf_error error;
  for (int i = 0; i < 9; i++) {
    const char *at = in_folder("sized");
    assert_int_equal(os_file_replace(at, bytes_of(content, sizes[i]), &error), NF_OK);
    os_map block;
    assert_int_equal(os_file_read(at, sizes[i], &block, &error), NF_OK); /* the limit itself */
    assert_int_equal(block.len, sizes[i]);
    assert_memory_equal(block.at, content, sizes[i]);
    os_memory_release(block.at, block.len);
    assert_int_equal(os_file_read(at, sizes[i] - 1, &block, &error), NF_BAD_INPUT);
    assert_int_equal(os_file_map(at, &block, &error), NF_OK);
    assert_int_equal(block.len, sizes[i]);
    assert_memory_equal(block.at, content, sizes[i]);
    block.at[0] ^= 255; /* stays in this process */
    os_file_unmap(&block);
    assert_null(block.at);
    assert_int_equal(os_file_map(at, &block, &error), NF_OK);
    assert_int_equal(block.at[0], content[0]);
    os_file_unmap(&block);
  }
}

static void waiting_ends(void **state) {
  (void)state;
  _Atomic u32 word = 5;
  os_wait(&word, 4, -1); /* not equal: returns at once */
  i64 from = os_clock_ns();
  os_wait(&word, 5, 5'000'000);
  assert_true(os_clock_ns() - from < 2'000'000'000);
  os_wake(&word, 1);
  assert_true(os_cpu_count() >= 1);
}

static void thread_body(void *arg) { atomic_store((_Atomic u32 *)arg, 1); }
static void a_thread_runs_and_ends(void **state) {
  (void)state;
  _Atomic u32 ran = 0;
  os_thread thread;
  assert_int_equal(os_thread_start(&thread, thread_body, &ran), NF_OK);
  os_thread_join(thread);
  assert_int_equal(ran, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_zeroed_and_aligned),
      cmocka_unit_test(replace_writes_all_and_keeps_the_mode),
      cmocka_unit_test(replace_follows_a_link),
      cmocka_unit_test(a_full_disk_leaves_the_old_file),
      cmocka_unit_test(a_device_is_written_not_replaced),
      cmocka_unit_test(an_unwritable_place_is_an_error),
      cmocka_unit_test(reading_says_what_is_wrong),
      cmocka_unit_test(files_of_every_size_come_back),
      cmocka_unit_test(waiting_ends),
      cmocka_unit_test(a_thread_runs_and_ends),
  };
  return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
