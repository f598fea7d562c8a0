// Vector code is compiled inside these brackets; everything else keeps the baseline of the architecture.
// Helpers inside them live in unnamed namespaces, so no template is shared between targets.
#pragma once

#if defined(__clang__)
#define SMOOTHBIT_PRAGMA(text) _Pragma(#text)
#define SMOOTHBIT_BEGIN_TARGET(features) \
  SMOOTHBIT_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SMOOTHBIT_END_TARGET _Pragma("clang attribute pop")
#else
#define SMOOTHBIT_PRAGMA(text) _Pragma(#text)
#define SMOOTHBIT_BEGIN_TARGET(features) \
  _Pragma("GCC push_options") SMOOTHBIT_PRAGMA(GCC target(features))
#define SMOOTHBIT_END_TARGET _Pragma("GCC pop_options")
#endif

// Vector helpers must melt into their caller: left to itself gcc 12 keeps some as calls, and arrays of
// registers then travel through memory (measured: 3x on rows of 64 channels).
#define SMOOTHBIT_INLINE inline __attribute__((always_inline))
