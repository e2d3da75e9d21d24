/* Runs a fuzzer on ROUNDS seeded random inputs, for builds that have no fuzzing engine.
 *
 * Half of the inputs are bytes of any value, half are drawn from the letters that our formats are
 * made of, which gets further into a parser. A file named on the command line is run instead: what
 * a fuzzing engine left as a crash is looked at with any build. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/prng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS = 20000, INPUT_SIZE_MAX = 300, FILE_SIZE_MAX = 1 << 20 };

static void run_random(void)
{
    static const char letters[] = "0123456789-+.eE,:;\"'{}[]()<>/\\ \r\n\tabntruefalsenull";
    struct prng prng;
    prng_init(&prng, 1);
    for (int round = 0; round < ROUNDS; round++) {
        /* Its own block of its own size, so that a sanitizer sees a read past the end. */
        const size_t size = (size_t)prng_below(&prng, INPUT_SIZE_MAX);
        uint8_t *data = malloc(size + (size == 0));
        CHECK(data);
        for (size_t i = 0; i < size; i++)
            data[i] = round % 2 ? (uint8_t)prng_below(&prng, 256)
                                : (uint8_t)letters[prng_below(&prng, sizeof(letters) - 1)];
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_SIZE_MAX);
    CHECK(file && data);
    LLVMFuzzerTestOneInput(data, fread(data, 1, FILE_SIZE_MAX, file));
    free(data);
    fclose(file);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) run_file(argv[i]);
    if (argc == 1) run_random();
    return 0;
}
