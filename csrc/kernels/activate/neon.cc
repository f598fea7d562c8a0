// activate, NEON: the same functions, two values at a time by the compiler, as in the AVX2 file.
#if defined(__aarch64__)
#include "smoothbit/activate.h"

#include <cmath>
#include <cstring>

#include "../target.h"
#include "functions.h"

namespace smoothbit {

void activate_f32_neon(const ActivateArgs& args, int64_t begin, int64_t end) { activate_rows(args, begin, end); }

}  // namespace smoothbit
#endif
