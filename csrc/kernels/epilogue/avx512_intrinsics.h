// The AVX-512 intrinsics and the target they need: the compiler's, or, in test builds
// (SMOOTHBIT_EMULATE), an emulation for the baseline target, so that any x86-64 machine runs the kernels.
#pragma once

#include "../target.h"

#if defined(SMOOTHBIT_EMULATE)
#include "../../tests/emulated_avx512.h"
#define SMOOTHBIT_BEGIN_AVX512
#define SMOOTHBIT_BEGIN_AVX512_VBMI
#define SMOOTHBIT_BEGIN_AVX512_VNNI
#define SMOOTHBIT_END_AVX512
#else
#include <immintrin.h>
#define SMOOTHBIT_BEGIN_AVX512 SMOOTHBIT_BEGIN_TARGET("avx512f,avx512bw,avx512vl,avx512dq")
#define SMOOTHBIT_BEGIN_AVX512_VBMI SMOOTHBIT_BEGIN_TARGET("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,prfchw")
#define SMOOTHBIT_BEGIN_AVX512_VNNI SMOOTHBIT_BEGIN_TARGET("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#define SMOOTHBIT_END_AVX512 SMOOTHBIT_END_TARGET
#endif
