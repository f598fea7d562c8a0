// How kernels of an ISA are run and compared with the serial ones.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "smoothbit/dispatch.h"
#include "smoothbit/threads.h"

namespace smoothbit {

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

inline std::vector<Isa> vector_isas() {
  std::vector<Isa> isas;
  for (int i = 1; i < kNumIsas; ++i)
    if (isa_available(static_cast<Isa>(i))) isas.push_back(static_cast<Isa>(i));
  return isas;
}

// Runs on three uneven parts of the rows, so that no kernel depends on where a part begins.
template <class Kernel, class Args>
void run_split(Kernel kernel, const Args& args, int64_t num_rows) {
  for (int part = 0; part < 3; ++part) {
    const int64_t begin = part_begin(nullptr, num_rows, part, 3), end = part_begin(nullptr, num_rows, part + 1, 3);
    if (begin < end) kernel(args, begin, end);
  }
}

}  // namespace smoothbit
