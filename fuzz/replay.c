/*
 * Runs every file of a corpus folder through a fuzz target, as a test without libFuzzer.
 *
 * Besides the file itself, each of its prefixes and each single-bit change of its first 64 octets
 * is run: cheap neighbours that a truncated or damaged input would be.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly `size` octets, so that a sanitizer sees any read behind the end. */
static void run_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_with_neighbours(uint8_t *data, size_t size)
{
	size_t step = size > 512 ? size / 256 : 1;

	run_copy(data, size);
	for (size_t cut = 0; cut < size; cut += step)
		run_copy(data, cut);
	for (size_t bit = 0; bit < size * 8 && bit < 512; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		run_copy(data, size);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void run_file(const char *folder, const char *name)
{
	static uint8_t data[1 << 20];
	char path[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	run_with_neighbours(data, size);
}

int main(int argc, char **argv)
{
	DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	unsigned files = 0;

	if (folder == NULL) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		run_file(argv[1], entry->d_name);
		files++;
	}
	closedir(folder);
	printf("%u files\n", files);
	return files > 0 ? 0 : 1;
}
