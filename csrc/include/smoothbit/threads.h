// A small pool of worker threads: started on first use, asleep between calls, rebuilt after fork.
#pragma once

#include <cstdint>

namespace smoothbit {

using PartFunction = void (*)(void* context, int part);

// Calls function(context, part) once for each part in [0, num_parts), on up to num_threads threads
// including the caller's. Parts are taken in order by whichever thread is free; when the pool serves
// another caller, the parts run on the calling thread.
void run_parts(int num_threads, int num_parts, PartFunction function, void* context);

// Row where part `part` of `num_parts` begins, so that parts have about equal entries + rows. `indptr`
// [N + 1]; null means that all rows cost the same.
int64_t part_begin(const int64_t* indptr, int64_t num_rows, int part, int num_parts);

// Threads worth starting for `work` units when the caller left the choice to the library.
int useful_threads(int max_threads, int64_t work, int64_t work_per_thread);

}  // namespace smoothbit
