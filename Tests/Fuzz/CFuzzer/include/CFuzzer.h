#pragma once

/// Runs libFuzzer on this executable's `LLVMFuzzerTestOneInput`.
int cfuzzer_run(int argc, char **argv);
