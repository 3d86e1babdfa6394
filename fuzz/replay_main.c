/* Runs a fuzzer's entry over every file of a corpus folder: crashes found once stay found.
 * Prints how many files ran; no file at all is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]), 2;
  DIR *folder = opendir(argv[1]);
  if (!folder) return fprintf(stderr, "%s: cannot open\n", argv[1]), 1;
  int n_files = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != nullptr;) {
    if (entry->d_name[0] == '.') continue;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    FILE *file = fopen(path, "rb");
    if (!file) return fprintf(stderr, "%s: cannot read\n", path), 1;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) return 1;
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    n_files++;
  }
  closedir(folder);
  printf("%d corpus files\n", n_files);
  return n_files > 0 ? 0 : 1;
}
