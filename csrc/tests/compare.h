// How kernels of an ISA are run and compared with the serial ones.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "smoothbit/dispatch.h"
#include "smoothbit/threads.h"

namespace smoothbit {
namespace {

struct Tally {
  std::map<std::string, long> passed, failed;

  void add(const char* family, Isa isa, bool is_equal, const std::string& what) {
    const std::string key = std::string(isa_name(isa)) + " " + family;
    if (is_equal) {
      ++passed[key];
      return;
    }
    if (++failed[key] <= 5) std::printf("FAILED %s: %s\n", key.c_str(), what.c_str());
  }
};

Tally tally;

// Few rows: tiles and batches that are not whole. Many: batches of short rows, and several of them.
int64_t rows_of_variant(int variant) { return variant % 4 == 0 ? 150 : 13; }

std::vector<Isa> vector_isas() {
  std::vector<Isa> isas;
  for (int i = 1; i < kNumIsas; ++i)
    if (isa_available(static_cast<Isa>(i))) isas.push_back(static_cast<Isa>(i));
  return isas;
}

int num_threads = 1;
constexpr int kNumParts = 3;

// Calls work(part, begin, end) for uneven parts of the rows, so that no kernel depends on where a part begins.
template <class Work>
void run_split(int64_t num_rows, const Work& work) {
  struct Job {
    const Work& work;
    int64_t num_rows;
  } job{work, num_rows};
  const auto run_part = [](void* context, int part) {
    const Job& job = *static_cast<const Job*>(context);
    const int64_t begin = part_begin(nullptr, job.num_rows, part, kNumParts);
    const int64_t end = part_begin(nullptr, job.num_rows, part + 1, kNumParts);
    if (begin < end) job.work(part, begin, end);
  };
  run_parts(num_threads, kNumParts, run_part, &job);
}

template <class Kernel, class Args>
void run_split(Kernel kernel, const Args& args, int64_t num_rows) {
  run_split(num_rows, [&](int, int64_t begin, int64_t end) { kernel(args, begin, end); });
}

}  // namespace
}  // namespace smoothbit
