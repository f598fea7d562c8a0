// activate, portable.
#include "smoothbit/activate.h"

#include <cmath>
#include <cstring>

#include "../target.h"
#include "functions.h"

namespace smoothbit {

void activate_f32_serial(const ActivateArgs& args, int64_t begin, int64_t end) { activate_rows(args, begin, end); }

}  // namespace smoothbit
