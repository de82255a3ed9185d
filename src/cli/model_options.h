// What the commands that open a model have in common.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/option.h"

namespace fathom::cli {

/// The model that is used where none is named.
inline constexpr const char* kDefaultModel = "models/default";

/// Adds -m, --model DIR.
void AddModelOption(CLI::App& app, std::string* directory);

/// Adds --threads N, which stays 0 if it is not given.
void AddThreadsOption(CLI::App& app, int* threads);

/// Adds --expert-memory BYTES, which stays 0 if it is not given.
void AddExpertMemoryOption(CLI::App& app, uint64_t* bytes);

/// Where threads and memory are to be.
struct PlacementFlags {
  bool pin_threads = false;
  bool interleave_memory = false;
  bool large_pages = false;
};

/// Adds --pin, --interleave and --huge-pages.
void AddPlacementOptions(CLI::App& app, PlacementFlags* flags);

/// The threads that compute: `threads`, or one a core if it is 0, where the flags want them. Memory
/// that they take from now on is spread as the flags say.
base::Result<std::unique_ptr<base::ThreadPool>> MakePool(int threads, const PlacementFlags& flags);

/// The directory to open. One that the user named is taken as it is. An empty one stands for
/// kDefaultModel: in the working directory, else in share/fathom beside the bin/ that holds the
/// program, else in the closest folder above the program that has one, which is the source tree.
base::Result<std::string> FindModel(const std::string& directory);

/// `threads`, or one for each core that this process may run on if it is 0.
int ChooseThreads(int threads);

}  // namespace fathom::cli
