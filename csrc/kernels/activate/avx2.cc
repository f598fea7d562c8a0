// activate, AVX2: the same functions, four values at a time by the compiler.
//
// Every branch is a choice between two computed values, so the loop over values becomes vector code; written out in
// intrinsics it would be the same instructions.
#if defined(__x86_64__)
#include "smoothbit/activate.h"

#include <cmath>
#include <cstring>

#include "../target.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
#include "functions.h"

namespace smoothbit {

void activate_f32_avx2(const ActivateArgs& args, int64_t begin, int64_t end) { activate_rows(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
